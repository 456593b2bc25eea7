/** The photos of a list one after the other, over the whole screen. Where less motion is wished it begins paused. */
import { fetchPart } from "./request.js";

const NAMES_STORE = "facesite.names"; // as on a photo's page
const SECONDS_STORE = "facesite.slideshow";
const STILL = 3000; // milliseconds after which the buttons of a hand at rest go

class Slideshow {
  #abort = null; // while the dialog is open
  #timer = 0;
  #stillTimer = 0;
  #here = 0;
  #isFetching = false;
  #after = null; // where the next part of the list begins; null at its end

  constructor(button) {
    this.address = button.dataset.slideshow;
    this.dialog = document.querySelector("[data-slides]");
    this.list = this.dialog.querySelector("[data-places]");
    this.seconds = this.dialog.querySelector("[data-seconds]");
    this.seconds.value = localStorage.getItem(SECONDS_STORE) ?? this.seconds.value;
    this.#showNames(localStorage.getItem(NAMES_STORE) !== "off");
    button.hidden = false;
    button.addEventListener("click", () => this.#open());
    this.dialog.addEventListener("click", (event) => this.#act(event.target.closest("button")?.value));
    this.dialog.addEventListener("keydown", (event) => this.#onKey(event));
    this.dialog.addEventListener("close", () => this.#leave());
    this.dialog.addEventListener("pointermove", () => this.#stir());
    this.seconds.addEventListener("change", () => {
      localStorage.setItem(SECONDS_STORE, this.seconds.value);
      this.#wait();
    });
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement && this.dialog.open) this.dialog.close();
    });
  }

  async #open() {
    this.#abort = new AbortController();
    this.list.replaceChildren();
    this.#pause(matchMedia("(prefers-reduced-motion: reduce)").matches);
    this.dialog.showModal();
    this.dialog.requestFullscreen?.().catch(() => {}); // which a phone may refuse
    this.#stir();
    if (await this.#fetch("")) this.#show(0);
    else this.dialog.close();
  }

  #leave() {
    this.#abort.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#stillTimer);
    if (document.fullscreenElement) document.exitFullscreen();
  }

  /** Append the part of the list behind `after`; whether there is one. */
  async #fetch(after) {
    this.#isFetching = true;
    const part = await fetchPart(`${this.address}&after=${encodeURIComponent(after)}`, this.#abort.signal);
    this.#isFetching = false;
    const read = document.createElement("template");
    read.innerHTML = part ?? "";
    const found = read.content.querySelector("ol");
    this.#after = found?.dataset.after ?? null;
    this.list.append(...(found?.children ?? []));
    return this.list.children.length > 0;
  }

  async #go(by) {
    if (this.#isFetching) return;
    if (this.#here + by >= this.list.children.length && this.#after !== null) await this.#fetch(this.#after);
    const count = this.list.children.length;
    if (count) this.#show((this.#here + by + count) % count); // after the last one comes the first
  }

  #show(place) {
    this.#here = place;
    const slides = [...this.list.children];
    for (const [number, slide] of slides.entries()) slide.hidden = number !== place;
    for (const slide of slides.slice(place, place + 2)) slide.querySelector("img").loading = "eager"; // the next one, too
    this.#wait();
  }

  /** The next photo comes after a while. */
  #wait() {
    clearTimeout(this.#timer);
    if (this.isPaused || !this.dialog.open) return;
    this.#timer = setTimeout(() => this.#go(1), 1000 * Number(this.seconds.value));
  }

  #pause(isPaused) {
    this.isPaused = isPaused;
    this.dialog.querySelector("[value=pause]").setAttribute("aria-pressed", String(isPaused));
    this.#wait();
  }

  #showNames(areShown) {
    this.dialog.classList.toggle("names-off", !areShown);
    this.dialog.querySelector("[value=names]").setAttribute("aria-pressed", String(areShown));
  }

  #act(what) {
    if (what === "back") this.#go(-1);
    else if (what === "on") this.#go(1);
    else if (what === "pause") this.#pause(!this.isPaused);
    else if (what === "close") this.dialog.close();
    else if (what === "names") {
      const areShown = this.dialog.classList.contains("names-off");
      localStorage.setItem(NAMES_STORE, areShown ? "on" : "off");
      this.#showNames(areShown);
    }
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
    const what = { ArrowLeft: "back", ArrowRight: "on", h: "names", " ": "pause" }[event.key];
    if (!what || (event.key === " " && event.target.matches("button"))) return;
    event.preventDefault();
    this.#act(what);
  }

  #stir() {
    clearTimeout(this.#stillTimer);
    this.dialog.classList.remove("is-still");
    this.#stillTimer = setTimeout(() => this.dialog.classList.add("is-still"), STILL);
  }
}

const button = document.querySelector("[data-slideshow]");
if (button) new Slideshow(button);
