/**
 * Choosing many photos: boxes on tiles belong to the form "choosing", a bar at the bottom. Without this they are
 * a plain form. Here: the count, ranges with Shift, all of the page, keys, and acts that leave the page where it is.
 */
import { onKeys } from "./keys.js";
import { request } from "./request.js";
import { showToast } from "./toast.js";

const form = document.querySelector("[data-choosing]");
const chosen = new Set(); // ids, so that tiles which the server sends anew stay chosen
let last = null;
let isReloadDue = false;

const boxes = () => [...document.querySelectorAll("input[name=photo][form=choosing]")];
const boxOf = (element) => element.closest(".tile, .binned")?.querySelector("input[name=photo]");

function count() {
  const place = form.querySelector("[data-count]");
  const text = place.dataset.words.replace("%1", chosen.size);
  if (place.textContent !== text) place.textContent = text;
  document.body.classList.toggle("is-choosing", chosen.size > 0);
}

function set(box, isOn) {
  if (isOn && !chosen.has(box.value) && chosen.size >= Number(form.dataset.most)) {
    box.checked = false;
    return false;
  }
  box.checked = isOn;
  if (isOn) chosen.add(box.value);
  else chosen.delete(box.value);
  return true;
}

function setAll(some, isOn) {
  const isRoom = some.map((box) => set(box, isOn)).every(Boolean);
  if (!isRoom) showToast({ text: form.dataset.toomany, tags: "error" });
  count();
}

/** The box as it should be now, and with Shift all between the last one and it. */
function choose(box, isOn, isRange) {
  const all = boxes();
  const from = isRange && last ? all.indexOf(last) : -1;
  const to = all.indexOf(box);
  setAll(from < 0 ? [box] : all.slice(Math.min(from, to), Math.max(from, to) + 1), isOn);
  last = box;
}

function clear() {
  setAll(boxes().filter((box) => box.checked), false);
  chosen.clear();
  count();
}

function onClick(event) {
  if (event.target.matches("input[form=choosing]")) {
    choose(event.target, event.target.checked, event.shiftKey);
    return;
  }
  const link = event.target.closest(".tile > a");
  const box = link && boxOf(link);
  if (!box || event.ctrlKey || event.metaKey || !(chosen.size || event.shiftKey)) return;
  event.preventDefault();
  choose(box, event.shiftKey || !box.checked, event.shiftKey);
}

function onKey(key, event) {
  const box = boxOf(event.target);
  if (box && (key === "x" || (key === " " && event.target.matches("a")))) {
    choose(box, !box.checked, event.shiftKey);
    return true;
  }
  if (!chosen.size) return false;
  if (key === "Escape" && !document.querySelector("details[data-menu][open]")) {
    clear();
    return true;
  }
  if (key === "m") form.querySelector(".choosing-acts :is(summary, button)").focus();
  else if (key === "Delete") form.querySelector("[data-delete]")?.click();
  else return false;
  return true;
}

/** Acts are done in the background, unless nothing would be left to see, or a file or a question comes. */
function onSubmit(event) {
  const button = event.submitter;
  if (!button || button.hasAttribute("formaction")) return;
  if (button.hasAttribute("data-leaves") && chosen.size >= boxes().length) return;
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form, button));
  request("POST", form.action, { values: { ...values, photo: [...chosen] }, swap: "none" });
}

function onDone(event) {
  const gone = new Set(event.detail.gone.map(String));
  const there = boxes();
  const after = there.find((box) => !gone.has(box.value) && there.indexOf(box) > there.findIndex((one) => gone.has(one.value)));
  clear();
  for (const menu of form.querySelectorAll("details[open]")) menu.open = false;
  form.reset();
  for (const box of there) if (gone.has(box.value)) box.closest(".tile, .binned").remove();
  (gone.size ? after ?? boxes().at(-1) : last)?.closest(".tile, .binned").querySelector("a, button, input").focus({ preventScroll: true });
  isReloadDue = true;
}

if (form) {
  document.addEventListener("click", onClick);
  onKeys(onKey);
  form.addEventListener("submit", onSubmit);
  for (const menu of form.querySelectorAll("details")) {
    menu.addEventListener("toggle", () => { if (menu.open) menu.querySelector("input")?.focus(); });
  }
  form.addEventListener("reset", () => { if (chosen.size) { clear(); last?.focus({ preventScroll: true }); } });
  document.body.addEventListener("photos-done", onDone);
  document.body.addEventListener("undone", () => { if (isReloadDue) location.reload(); });
  document.body.addEventListener("htmx:load", () => { for (const box of boxes()) box.checked = chosen.has(box.value); });
  for (const all of document.querySelectorAll("[data-all]")) {
    all.hidden = false;
    all.addEventListener("click", () => setAll(boxes(), true));
  }
  setAll(boxes().filter((box) => box.checked), true);
}
