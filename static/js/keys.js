/**
 * One-letter keys. They can be switched off (a checkbox `data-keys-switch`, remembered on this device), act only
 * outside text fields, and leave keys with Ctrl, Alt or Meta to the browser.
 */
const STORE = "facesite.keys";

const areLettersOn = () => localStorage.getItem(STORE) !== "off";

function isTyping(target) {
  return target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
}

/** Calls `act(key, event)` for plain keys; where it returns true, nothing else comes of the key. */
export function onKeys(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const isLetter = event.key.length === 1;
    if (isLetter && (event.repeat || !areLettersOn())) return; // a key that is held down answers once
    const key = isLetter ? event.key.toLowerCase() : event.key;
    if (act(key, event)) event.preventDefault();
  });
}

export function startKeysSwitch() {
  for (const box of document.querySelectorAll("[data-keys-switch]")) {
    box.checked = areLettersOn();
    box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "on" : "off"));
  }
}

/** Enter in a field does what the button below it does, not the form's first one. */
export function pressNextButton(event) {
  if (event.key !== "Enter" || !event.target.matches(".field input")) return;
  event.preventDefault();
  const next = event.target.closest(".field").nextElementSibling;
  (next.matches("button") ? next : next.querySelector("button")).click();
}
