/**
 * Selecting many photos. The boxes on the tiles belong to the form with data-photo-selection, the bar at the bottom, which works
 * without this script. The script adds the count, ranges with Shift, "all on this page", keys, and acts that do not
 * leave the page.
 */
import { onKeys, pressNextButton } from "./keys.js";
import { request } from "./request.js";
import { showToast } from "./toast.js";

class PhotoSelection {
  #ids = new Set(); // so that a tile which the server sends again stays selected
  #lastBox = null; // where a range begins
  #isReloadDue = false;

  constructor(bar) {
    this.bar = bar;
    document.addEventListener("click", (event) => this.#onClick(event));
    onKeys((key, event) => this.#onKey(key, event));
    bar.addEventListener("submit", (event) => this.#onSubmit(event));
    bar.addEventListener("reset", () => this.#onReset());
    bar.addEventListener("keydown", pressNextButton);
    for (const menu of bar.querySelectorAll("details")) {
      menu.addEventListener("toggle", () => { if (menu.open) menu.querySelector("input")?.focus(); });
    }
    document.body.addEventListener("photos-done", (event) => this.#onDone(event.detail.gone));
    document.body.addEventListener("undone", () => { if (this.#isReloadDue) location.reload(); });
    document.body.addEventListener("htmx:load", () => this.#tickSelected());
    for (const button of document.querySelectorAll("[data-all]")) {
      button.hidden = false;
      button.addEventListener("click", () => this.#setAll(allBoxes(), true));
    }
    this.#setAll(allBoxes().filter((box) => box.checked), true); // as the browser remembers them
  }

  #showCount() {
    const place = this.bar.querySelector("[data-count]");
    const text = place.dataset.words.replace("%1", this.#ids.size);
    if (place.textContent !== text) place.textContent = text; // else it would be read out again
    document.body.classList.toggle("is-selecting", this.#ids.size > 0);
    const chosen = allBoxes().filter((box) => this.#ids.has(box.value));
    const stacks = this.bar.querySelector("[data-stacks]"); // there are none in the trash
    if (stacks) stacks.hidden = !chosen.some((box) => tileOf(box).querySelector(".stackbadge"));
  }

  /** False where there is no room for one more. */
  #set(box, isOn) {
    if (isOn && !this.#ids.has(box.value) && this.#ids.size >= Number(this.bar.dataset.most)) {
      box.checked = false;
      return false;
    }
    box.checked = isOn;
    if (isOn) this.#ids.add(box.value);
    else this.#ids.delete(box.value);
    return true;
  }

  #setAll(boxes, isOn) {
    const hasRoom = boxes.map((box) => this.#set(box, isOn)).every(Boolean);
    if (!hasRoom) showToast({ text: this.bar.dataset.toomany, tags: "error" });
    this.#showCount();
  }

  /** Set a box and, for a range, all between the last one and it. */
  #setUpTo(box, isOn, isRange) {
    const boxes = allBoxes();
    const from = isRange && this.#lastBox ? boxes.indexOf(this.#lastBox) : -1;
    const to = boxes.indexOf(box);
    this.#setAll(from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1), isOn);
    this.#lastBox = box;
  }

  #clear() {
    this.#setAll(allBoxes().filter((box) => box.checked), false);
    this.#ids.clear(); // those on other pages of the list, too
    this.#showCount();
  }

  #tickSelected() {
    for (const box of allBoxes()) box.checked = this.#ids.has(box.value);
  }

  /** A click on a box; while any is ticked, or with Shift, a click on the photo does the same. */
  #onClick(event) {
    if (event.target.matches("input[form=selection]")) {
      this.#setUpTo(event.target, event.target.checked, event.shiftKey);
      return;
    }
    const link = event.target.closest(".tile > a");
    const box = link && boxOf(link);
    if (!box || event.ctrlKey || event.metaKey || !(this.#ids.size || event.shiftKey)) return;
    event.preventDefault();
    this.#setUpTo(box, event.shiftKey || !box.checked, event.shiftKey);
  }

  #onKey(key, event) {
    const box = boxOf(event.target);
    if (box && (key === "x" || (key === " " && event.target.matches("a")))) {
      this.#setUpTo(box, !box.checked, event.shiftKey);
      return true;
    }
    if (!this.#ids.size) return false;
    if (key === "Escape" && !document.querySelector("details[data-menu][open]")) {
      this.#clear();
      return true;
    }
    if (key === "m") this.bar.querySelector(".selection-acts :is(summary, button)").focus();
    else if (key === "Delete") this.bar.querySelector("[data-delete]")?.click();
    else if (this.#buttonWith(key)) this.#buttonWith(key).click();
    else return false;
    return true;
  }

  #buttonWith(key) {
    return [...this.bar.querySelectorAll("[data-key]")].find((button) => button.dataset.key === key);
  }

  /** Acts are sent in the background, unless a file or a question comes back, or nothing would be left to see. */
  #onSubmit(event) {
    const button = event.submitter;
    if (!button || (button.hasAttribute("formaction") && !button.hasAttribute("data-stays"))) return;
    if (button.hasAttribute("data-leaves") && this.#ids.size >= allBoxes().length) return;
    event.preventDefault();
    const values = Object.fromEntries(new FormData(this.bar, button));
    request("POST", button.getAttribute("formaction") ?? this.bar.action, { values: { ...values, photo: [...this.#ids] }, swap: "none" });
  }

  #onReset() {
    if (!this.#ids.size) return;
    this.#clear();
    this.#lastBox?.focus({ preventScroll: true });
  }

  /** Remove the tiles that are gone; the focus goes to the one after them, or back to the last box. */
  #onDone(ids) {
    const gone = new Set(ids.map(String));
    const boxes = allBoxes();
    const firstGone = boxes.findIndex((box) => gone.has(box.value));
    const after = boxes.find((box, place) => place > firstGone && !gone.has(box.value));
    this.#clear();
    for (const menu of this.bar.querySelectorAll("details[open]")) menu.open = false;
    this.bar.reset();
    for (const box of boxes) if (gone.has(box.value)) tileOf(box).remove();
    const next = gone.size ? (after ?? allBoxes().at(-1)) : this.#lastBox;
    if (next) tileOf(next)?.querySelector("a, button, input").focus({ preventScroll: true });
    this.#isReloadDue = true;
  }
}

const allBoxes = () => [...document.querySelectorAll("input[name=photo][form=selection]")];
const tileOf = (element) => element.closest(".tile, .binned");
const boxOf = (element) => tileOf(element)?.querySelector("input[name=photo]");

const bar = document.querySelector("[data-photo-selection]");
if (bar) new PhotoSelection(bar);
