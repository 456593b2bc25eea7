/**
 * Zooming into the photo, and moving it: by wheel, two fingers, a double click or tap, keys and buttons. The picture and
 * its boxes grow in their frame, which keeps its size; without this script the photo stays as large as it is.
 */
import { onKeys } from "./keys.js";

const MOST = 8; // times as large as it fits the page
const STEP = 1.5; // of a key or a button
const DOUBLE = 2.5; // of a double click or tap
const DOUBLE_TAP = 300; // milliseconds between its two taps
const SLIP = 5; // CSS pixels that a hand moves while it clicks
const KEY_WAY = 0.15; // of the frame, by an arrow key

export class Zoom {
  #scale = 1;
  #across = 0; // where the picture's left edge lies, in widths of the frame
  #down = 0;

  constructor(viewer) {
    this.viewer = viewer;
    this.frame = viewer.querySelector("[data-frame]");
    this.frame.classList.add("can-zoom");
    this.#startButtons(viewer.querySelector("[data-zooms]"));
    this.#startMouse();
    this.#startTouch();
    onKeys((key, event) => this.#onKey(key, event));
    this.frame.addEventListener("focusin", (event) => this.#show(event.target.closest("a.box")));
  }

  get isIn() {
    return this.#scale > 1;
  }

  get #isDrawing() {
    return this.viewer.classList.contains("is-drawing");
  }

  /** Make the photo `factor` times as large; the point of the page at x, y stays where it is. */
  #by(factor, x, y) {
    const frame = this.frame.getBoundingClientRect();
    const scale = Math.min(Math.max(this.#scale * factor, 1), MOST);
    const [across, down] = x === undefined ? [0.5, 0.5] : [(x - frame.x) / frame.width, (y - frame.y) / frame.height];
    const grown = scale / this.#scale;
    this.#scale = scale;
    this.#place(across - (across - this.#across) * grown, down - (down - this.#down) * grown);
  }

  #move(x, y) {
    const frame = this.frame.getBoundingClientRect();
    this.#place(this.#across + x / frame.width, this.#down + y / frame.height);
  }

  #place(across, down) {
    this.#across = Math.min(Math.max(across, 1 - this.#scale), 0);
    this.#down = Math.min(Math.max(down, 1 - this.#scale), 0);
    this.viewer.classList.toggle("is-zoomed", this.isIn);
    for (const [name, value] of [["scale", this.#scale], ["across", this.#across], ["down", this.#down]]) {
      this.frame.style.setProperty(`--${name}`, value);
    }
    this.#showPercent();
    this.frame.querySelector("img").sizes = `${Math.ceil(this.frame.clientWidth * this.#scale)}px`; // a sharper picture
  }

  #show(box) {
    if (!box || !this.isIn || !box.matches(":focus-visible")) return;
    const [frame, face] = [this.frame.getBoundingClientRect(), box.getBoundingClientRect()];
    const isSeen = face.left >= frame.left && face.right <= frame.right && face.top >= frame.top && face.bottom <= frame.bottom;
    if (isSeen) return;
    this.#move(frame.x + frame.width / 2 - face.x - face.width / 2, frame.y + frame.height / 2 - face.y - face.height / 2);
  }

  #startButtons(buttons) {
    buttons.hidden = false;
    this.percent = buttons.querySelector("[data-percent]");
    buttons.addEventListener("click", (event) => {
      const way = event.target.closest("button")?.value;
      if (way) this.#by({ in: STEP, out: 1 / STEP, fit: 0 }[way]);
    });
    this.#showPercent();
  }

  #showPercent() {
    this.percent.textContent = `${Math.round(100 * this.#scale)} %`;
  }

  #onKey(key, event) {
    if (key === "+" || key === "=") this.#by(STEP);
    else if (key === "-") this.#by(1 / STEP);
    else if (key === "0") this.#by(0);
    else if (this.isIn && event.shiftKey && key.startsWith("Arrow") && !this.#isDrawing) {
      const { width, height } = this.frame.getBoundingClientRect();
      this.#move(
        ({ ArrowLeft: KEY_WAY, ArrowRight: -KEY_WAY }[key] ?? 0) * width,
        ({ ArrowUp: KEY_WAY, ArrowDown: -KEY_WAY }[key] ?? 0) * height,
      );
    } else return false;
    event.stopImmediatePropagation(); // arrow keys also go from face to face
    return true;
  }

  #startMouse() {
    const frame = this.frame;
    let last = null;
    let hasMoved = false;
    frame.addEventListener("wheel", (event) => {
      const isPage = !event.ctrlKey && !matchMedia("(min-width: 64.01rem)").matches; // which scrolls there
      const way = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1);
      if (isPage || (way > 0 && !this.isIn)) return;
      event.preventDefault();
      this.#by(Math.exp(-way * (event.ctrlKey ? 0.01 : 0.002)), event.clientX, event.clientY);
    }, { passive: false });
    frame.addEventListener("dblclick", (event) => {
      if (!event.target.closest("a.box") && !this.#isDrawing) this.#by(this.isIn ? 0 : DOUBLE, event.clientX, event.clientY);
    });
    frame.addEventListener("dragstart", (event) => { if (this.isIn) event.preventDefault(); });
    frame.addEventListener("pointerdown", (event) => {
      hasMoved = false;
      last = this.isIn && !this.#isDrawing && event.pointerType !== "touch" && event.button === 0 ? event : null;
    });
    frame.addEventListener("pointermove", (event) => {
      if (!last || (!hasMoved && Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY) < SLIP)) return;
      if (!hasMoved) frame.setPointerCapture(event.pointerId);
      hasMoved = true;
      this.#move(event.clientX - last.clientX, event.clientY - last.clientY);
      last = event;
    });
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => { last = null; });
    frame.addEventListener("click", (event) => { // of the hand that lets the photo go
      if (!hasMoved) return;
      event.preventDefault();
      event.stopPropagation();
    }, true);
  }

  /** Two fingers size and move the photo, one moves it where it is sized; a second tap soon after a first one sizes it. */
  #startTouch() {
    let last = null; // where the fingers are: their middle, and how far they are apart
    let start = null; // of what may be a tap
    let tap = null; // the last one
    const read = (touches) => {
      const [one, two = one] = touches;
      const apart = Math.hypot(one.clientX - two.clientX, one.clientY - two.clientY);
      return { x: (one.clientX + two.clientX) / 2, y: (one.clientY + two.clientY) / 2, apart };
    };
    const begin = (event) => {
      const isOurs = !this.#isDrawing && (event.touches.length === 2 || (event.touches.length === 1 && this.isIn));
      last = isOurs ? read(event.touches) : null;
    };
    this.frame.addEventListener("touchstart", (event) => {
      begin(event);
      start = event.touches.length === 1 ? event.touches[0] : null;
      if (event.touches.length === 2 && last) event.preventDefault(); // else the page would be sized
    }, { passive: false });
    this.frame.addEventListener("touchmove", (event) => {
      if (!last) return;
      event.preventDefault();
      const now = read(event.touches);
      if (last.apart && now.apart) this.#by(now.apart / last.apart, now.x, now.y);
      this.#move(now.x - last.x, now.y - last.y);
      last = now;
    }, { passive: false });
    this.frame.addEventListener("touchend", (event) => {
      begin(event);
      const { clientX: x, clientY: y } = event.changedTouches[0];
      const isTap = start && Math.hypot(x - start.clientX, y - start.clientY) < SLIP;
      if (!isTap || this.#isDrawing || event.target.closest("a.box")) tap = null;
      else if (tap && event.timeStamp - tap.timeStamp < DOUBLE_TAP) {
        event.preventDefault(); // no double click, too
        this.#by(this.isIn ? 0 : DOUBLE, x, y);
        tap = null;
      } else tap = event;
    }, { passive: false });
  }
}
