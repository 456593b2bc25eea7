/** A grid of ticked faces: how many are chosen, all or none at once, a range with Shift. */
import { startTypeahead } from "./typeahead.js";

const form = document.querySelector("[data-picking]");
const ticks = () => [...form.querySelectorAll("input[type=checkbox][name=face]")];
const toggle = form?.querySelector("[data-all]");
let last = null;

function count() {
  const chosen = ticks().filter((one) => one.checked).length;
  for (const place of form.querySelectorAll("[data-count]")) {
    place.textContent = place.dataset.words.replace("%1", chosen).replace("%2", ticks().length);
  }
  if (toggle) {
    toggle.hidden = false;
    toggle.textContent = chosen ? toggle.dataset.none : toggle.dataset.every;
  }
}

if (form) {
  form.addEventListener("click", (event) => {
    if (!event.target.matches("input[name=face]")) return;
    const all = ticks();
    if (event.shiftKey && last) {
      const [from, to] = [all.indexOf(last), all.indexOf(event.target)].sort((a, b) => a - b);
      for (const one of all.slice(from, to + 1)) one.checked = event.target.checked;
    }
    last = event.target;
    count();
  });
  toggle?.addEventListener("click", () => {
    const some = ticks().some((one) => one.checked);
    for (const one of ticks()) one.checked = !some;
    count();
  });
  startTypeahead(form);
  count();
  if (matchMedia("(hover: hover)").matches && ticks().some((one) => one.checked)) form.elements.name?.focus({ preventScroll: true });
}
