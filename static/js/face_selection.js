/** A form with many faces to tick (data-face-selection): how many are ticked, all or none at once, a range with Shift. */
import { pressNextButton } from "./keys.js";
import { startTypeahead } from "./typeahead.js";

function startFaceSelection(form) {
  const allButton = form.querySelector("[data-all]");
  let lastBox = null; // where a range begins

  const allBoxes = () => [...form.querySelectorAll("input[type=checkbox][name=face]")];
  const isAnyTicked = () => allBoxes().some((box) => box.checked);

  function showCount() {
    const boxes = allBoxes();
    const ticked = boxes.filter((box) => box.checked).length;
    for (const place of form.querySelectorAll("[data-count]")) {
      place.textContent = place.dataset.words.replace("%1", ticked).replace("%2", boxes.length);
    }
    if (!allButton) return;
    allButton.hidden = false;
    allButton.textContent = ticked ? allButton.dataset.none : allButton.dataset.every;
  }

  form.addEventListener("click", ({ target, shiftKey }) => {
    if (!target.matches("input[name=face]")) return;
    const boxes = allBoxes();
    if (shiftKey && lastBox) {
      const [from, to] = [boxes.indexOf(lastBox), boxes.indexOf(target)].sort((a, b) => a - b);
      for (const box of boxes.slice(from, to + 1)) box.checked = target.checked;
    }
    lastBox = target;
    showCount();
  });
  allButton?.addEventListener("click", () => {
    const isOn = !isAnyTicked();
    for (const box of allBoxes()) box.checked = isOn;
    showCount();
  });
  showCount();
  startTypeahead(form);
  form.addEventListener("keydown", pressNextButton);
  const hasKeyboard = matchMedia("(hover: hover)").matches;
  if (hasKeyboard && isAnyTicked()) form.elements.name?.focus({ preventScroll: true }); // only the name is missing
}

const form = document.querySelector("[data-face-selection]");
if (form) startFaceSelection(form);
