/**
 * The panel that shows one face of a photo and takes answers about it.
 *
 * It is always in one of three states:
 *   idle                  the panel shows a face, or nothing; keys and clicks act at once
 *   loading(face, focus)  the panel of a face is being fetched; keys wait for it
 *   acting(face)          an answer about the face is being sent; keys are dropped, as the next face follows
 * Leaving `loading` aborts its request. An act goes on when its state is left, because another face was chosen: its answer
 * then updates the boxes and the list, but not the panel.
 */
import { startFacePreview } from "./face_preview.js";
import { onKeys } from "./keys.js";
import { fetchPart, request } from "./request.js";

const PASSING = 100; // milliseconds; of the faces that a held arrow key passes only the last is fetched
const REFRESH_AGAIN = 3000; // milliseconds; by then the worker has searched again for a face whose answer was undone
const IDLE = Object.freeze({ name: "idle" });

/** Where the focus goes once the panel of a face is there. */
export const FOCUS = Object.freeze({
  PANEL: "panel", // to the panel
  NAME: "name", // to the name field if nobody has named the face yet, else to the panel
  STAY: "stay", // nowhere
  IF_LOST: "if lost", // to the panel if it shows another face than before, or if nothing has the focus
});

export class FacePanel {
  #state = IDLE;
  #lastFace; // whose panel was shown last
  #refreshTimer;
  #withoutPreview;

  /** `viewer` holds the photo with its boxes, the list of faces, and the panel. */
  constructor(viewer) {
    this.viewer = viewer;
    this.panel = viewer.querySelector("[data-panel]");
    this.#lastFace = this.shownFace;
    this.#withoutPreview = startFacePreview(viewer, (box) => this.preview(box));
    viewer.addEventListener("click", (event) => this.#onClick(event));
    this.panel.addEventListener("submit", (event) => this.#onSubmit(event));
    onKeys((key, event) => this.#onKey(key, event));
    document.body.addEventListener("htmx:oobAfterSwap", () => this.#markFace(this.wantedFace));
    document.body.addEventListener("undone", () => this.#refreshTwice());
    addEventListener("pagehide", () => {
      clearTimeout(this.#refreshTimer);
      this.#state.abort?.abort(); // else it would be told as a failure
    });
  }

  get state() {
    return this.#state.name;
  }

  /** The id of the face that the panel shows, if any. */
  get shownFace() {
    return this.panel.querySelector("[data-chosen]")?.dataset.chosen;
  }

  /** The id of the face that is on its way, else of the one that is shown. */
  get wantedFace() {
    return this.#state.name === "loading" ? this.#state.face : this.shownFace;
  }

  /** Show the face of `link`, its box or its line in the list. */
  choose(link, focus = FOCUS.PANEL) {
    this.#markFace(link.dataset.face);
    history.replaceState(null, "", link.getAttribute("href")); // for reloading and sharing
    return this.#load(link, focus);
  }

  /** Show a face that is pointed at or tabbed to, unless somebody is typing or has just chosen another. */
  preview(link) {
    const isOtherChosen = [FOCUS.PANEL, FOCUS.NAME].includes(this.#state.focus);
    if (this.#isTyping() || isOtherChosen || link.dataset.face === this.wantedFace) return;
    this.choose(link, FOCUS.STAY);
  }

  /** Go `by` faces to the right; after the last comes the first. */
  step(by) {
    const boxes = this.#boxes();
    if (!boxes.length) return false;
    const here = boxes.findIndex((box) => box.dataset.face === this.wantedFace);
    const next = here < 0 ? (by > 0 ? 0 : boxes.length - 1) : (here + by + boxes.length) % boxes.length;
    this.choose(boxes[next]);
    return true;
  }

  close() {
    if (!this.shownFace && this.#state.name !== "loading") return false;
    const box = this.#boxOf(this.wantedFace);
    this.#enter(IDLE);
    this.panel.replaceChildren();
    this.#lastFace = undefined;
    this.#showWantedFace();
    this.#withoutPreview(() => box?.focus());
    return true;
  }

  /** Press the button, or go to the field, with this `data-key`; returns whether the key is taken. */
  press(key) {
    if (this.#state.name === "acting") return true;
    if (this.#state.name === "loading") {
      this.#state.keys.push(key);
      return true;
    }
    const target = withKey(key);
    if (!target) return false;
    if (target.matches("input")) target.focus();
    else target.click();
    return true;
  }

  /** Send an answer about the shown face; resolves to whether the panel now shows what came of it. */
  async act(address, values) {
    const isSecond = this.#state.name === "acting"; // as when a box is drawn while an answer is being sent
    const acting = isSecond ? this.#state : this.#enter({ name: "acting", face: this.shownFace, pending: 0 });
    const isWanted = () => this.#state === acting;
    acting.pending += 1;
    const isDone = await request("POST", address, { target: this.panel, values, isWanted });
    acting.pending -= 1;
    if (!isWanted()) return false;
    if (!acting.pending) this.#enter(IDLE);
    if (isDone) this.#afterNewPanel(FOCUS.IF_LOST);
    else this.#showWantedFace();
    return isDone;
  }

  /** Send a box that somebody drew around a missed face, and ask who it is. */
  async addDrawnFace(address, values) {
    if (await this.act(address, values)) this.#nameField()?.focus();
  }

  /** The only place where the state changes. What was being loaded is aborted, and only an idle panel can be used. */
  #enter(state) {
    this.#state.abort?.abort();
    this.#state = state;
    this.panel.inert = state !== IDLE;
    return state;
  }

  async #load(link, focus, keys = []) {
    const isPassing = this.#state.name === "loading";
    const abort = new AbortController();
    const loading = this.#enter({ name: "loading", face: link.dataset.face, focus, keys, abort });
    if (isPassing) await new Promise((resolve) => { setTimeout(resolve, PASSING); });
    const html = await fetchPart(link.dataset.panelUrl, abort.signal);
    if (this.#state !== loading) return;
    if (html !== null) window.htmx.swap(this.panel, html, { swapStyle: "innerHTML" });
    this.#enter(IDLE);
    if (html === null) return void this.#showWantedFace(); // without the keys: they were meant for another face
    this.#afterNewPanel(focus);
    if (keys.length) this.#pressLate(keys);
  }

  /** Keys from before the panel was there: the last one, or the name typed after the key that leads to its field. */
  #pressLate(keys) {
    const first = keys.findIndex((key) => withKey(key)?.matches("input"));
    if (first < 0) return void this.press(keys.at(-1));
    const field = withKey(keys[first]);
    field.focus();
    field.value = keys.slice(first + 1).join("");
    return void field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #afterNewPanel(focus) {
    const face = this.shownFace;
    if (!face) return;
    this.#showWantedFace();
    const isSameFace = face === this.#lastFace;
    this.#lastFace = face;
    if (focus === FOCUS.STAY) return;
    if (focus === FOCUS.IF_LOST && isSameFace && document.activeElement !== document.body) return;
    if (!isSameFace) this.panel.scrollTop = 0;
    const field = focus === FOCUS.NAME ? "[data-first], [data-asks]" : "[data-first]"; // data-first: nobody is named yet
    const hasKeyboard = matchMedia("(hover: hover)").matches;
    const target = (hasKeyboard && this.panel.querySelector(field)) || this.panel.querySelector(".facepanel");
    target.focus({ preventScroll: true });
    this.#scrollAbovePanel(this.#boxOf(face));
  }

  /** Mark the wanted face, and put it into the page's address. */
  #showWantedFace() {
    const face = this.wantedFace;
    const query = new URLSearchParams();
    if (face) query.set("face", face);
    if (this.viewer.dataset.in) query.set("in", this.viewer.dataset.in);
    this.#markFace(face);
    history.replaceState(null, "", query.size ? `${location.pathname}?${query}` : location.pathname);
  }

  #markFace(face) {
    for (const box of this.#boxes()) box.classList.toggle("is-chosen", box.dataset.face === face);
    for (const name of this.viewer.querySelectorAll("[data-name]")) {
      name.classList.toggle("is-chosen", name.dataset.name === face);
    }
    for (const line of this.viewer.querySelectorAll(".faceline")) {
      if (line.dataset.face === face) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
  }

  /** On a phone the panel covers the lower part of the screen: bring the face above it. */
  #scrollAbovePanel(box) {
    if (!box || getComputedStyle(this.panel).position !== "fixed") return;
    const free = innerHeight - this.panel.getBoundingClientRect().height;
    const { top, height } = box.getBoundingClientRect();
    scrollBy({ top: top + height / 2 - free * 0.55, behavior: "smooth" });
  }

  /** After an undo the worker searches for the face again: show what came of it, now and a little later. */
  #refreshTwice() {
    this.#refresh();
    clearTimeout(this.#refreshTimer);
    this.#refreshTimer = setTimeout(() => this.#refresh(), REFRESH_AGAIN);
  }

  /** Fetch the boxes and the list again, and the panel unless somebody is using it. */
  #refresh() {
    request("GET", this.viewer.dataset.state, { swap: "none" });
    const box = this.#boxOf(this.wantedFace);
    if (!box || this.#isTyping() || this.#state.name === "acting") return;
    const { focus, keys } = this.#state.name === "loading" ? this.#state : { focus: FOCUS.IF_LOST };
    this.#load(box, focus, keys);
  }

  #onClick(event) {
    const link = event.target.closest("a[data-face]");
    if (link && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.choose(link, event.detail ? FOCUS.NAME : FOCUS.PANEL); // a click, or Enter on a link
    } else if (event.target.closest("[data-close]")) {
      event.preventDefault();
      this.close();
    }
  }

  #onSubmit(event) {
    const form = event.target.closest("[data-answer]");
    if (!form) return;
    event.preventDefault();
    if (this.#state !== IDLE) return;
    this.act(form.getAttribute("action"), Object.fromEntries(new FormData(form, event.submitter)));
  }

  #onKey(key, event) {
    if (this.viewer.classList.contains("is-drawing")) return false;
    if (key === "ArrowRight") return this.step(1);
    if (key === "ArrowLeft") return this.step(-1);
    if (key === "Escape") return this.close();
    return key.length === 1 && this.press(event.key);
  }

  #boxes() {
    return [...this.viewer.querySelectorAll("a.box")];
  }

  #boxOf(face) {
    return this.#boxes().find((box) => box.dataset.face === face);
  }

  #nameField() {
    return this.panel.querySelector("input[name=name]");
  }

  #isTyping() {
    return this.panel.contains(document.activeElement) && document.activeElement.matches("input");
  }
}

function withKey(key) {
  const targets = [...document.querySelectorAll("[data-key]")];
  return targets.find((one) => one.dataset.key === key.toLowerCase() && !one.disabled);
}
