/**
 * One-letter keys. They can be switched off (a checkbox `data-keys-switch`, kept on this device), act only
 * outside of text fields, and never take a key that comes with Ctrl, Alt or Meta.
 */
const STORE = "facesite.keys";

export const keysAreOn = () => localStorage.getItem(STORE) !== "off";

export function isTyping(target) {
  return target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]") !== null;
}

/** Call `act(key, event)` for plain keys; what it returns true for goes no further. */
export function onKeys(act) {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const isLetter = event.key.length === 1;
    if (isLetter && (event.repeat || !keysAreOn())) return; // a key that is held answers once
    const key = isLetter ? event.key.toLowerCase() : event.key;
    if (act(key, event)) event.preventDefault();
  });
}

/** "/" goes to the search box. Checkboxes that switch keys on and off are wired here too. */
export function startSearchKey() {
  const box = document.querySelector("[data-search]");
  if (box) onKeys((key) => key === "/" && (box.focus(), box.select(), true));
  for (const toggle of document.querySelectorAll("[data-keys-switch]")) {
    toggle.checked = keysAreOn();
    toggle.addEventListener("change", () => localStorage.setItem(STORE, toggle.checked ? "on" : "off"));
  }
}
