/**
 * Cards that each ask one question: keys move between them, one key answers, the focus goes on to the next open card,
 * and answers that other people have given meanwhile are shown.
 *
 * `root` has data-decided, the address to ask for those. A card has data-card, data-url, and data-waits while it is open;
 * what answers it has data-act, its key.
 */
import { onKeys } from "./keys.js";
import { request } from "./request.js";

const POLL_EVERY = 8000; // milliseconds
const RELOAD_UNDONE = 3000; // milliseconds; by then the worker has searched again for a face whose answer was undone

export class Cards {
  #lastUndo = null;

  /** `move(cards, card, key)` gives the card that a key of `move.keys` leads to, if any. */
  constructor(root, { move, undoKeys }) {
    this.root = root;
    this.move = move;
    this.undoKeys = undoKeys;
    onKeys((key) => this.#onKey(key));
    root.addEventListener("htmx:beforeRequest", (event) => {
      const card = event.target.closest("[data-waits]"); // its answer is being sent: go on without waiting for the server
      if (card) this.focus(this.nextAfter(card));
    });
    document.body.addEventListener("htmx:afterSwap", () => this.#onSwap());
    document.body.addEventListener("event-undone", (event) => this.#onUndone(event.detail));
    setInterval(() => this.#fetchDecidedByOthers(), POLL_EVERY);
    if (document.activeElement === document.body) this.waiting()[0]?.focus({ preventScroll: true });
  }

  all() {
    return [...this.root.querySelectorAll("[data-card]")];
  }

  waiting() {
    return [...this.root.querySelectorAll("[data-waits]")];
  }

  current() {
    return document.activeElement?.closest("[data-card]");
  }

  focus(card) {
    if (!card) return;
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }

  /** The next open card after this one, else the first one before it. */
  nextAfter(card) {
    const all = this.all();
    const after = all.slice(all.indexOf(card) + 1);
    return after.find((one) => one.matches("[data-waits]")) ?? this.waiting().find((one) => one !== card);
  }

  /** Count down how many are left; when none is left on this page, the link that leads on gets the focus. */
  #showCount() {
    const left = document.querySelector("[data-left]");
    const done = this.all().length - this.waiting().length;
    const number = Math.max(0, (left?.dataset.left ?? 0) - done);
    if (left) left.textContent = new Intl.NumberFormat(document.documentElement.lang).format(number);
    const end = document.querySelector("[data-alldone]");
    if (end) end.hidden = number > 0;
    if (!this.waiting().length && (document.activeElement === document.body || this.current())) {
      (document.querySelector("[data-alldone]:not([hidden]) a") ?? document.querySelector("[data-next]"))?.focus();
    }
  }

  #onKey(key) {
    if (this.move.keys.includes(key)) return this.focus(this.#cardFor(key)), true;
    if (this.undoKeys.includes(key) && this.#lastUndo?.isConnected) return this.#lastUndo.click(), true;
    const card = this.current();
    if (key.length !== 1) return false;
    if (!card) return this.focus(this.waiting()[0]), true; // first show which card it is: it may be out of sight
    const answer = card.querySelector(key === "o" ? "[data-open]" : `[data-act="${CSS.escape(key)}"]`);
    answer?.click();
    return Boolean(answer);
  }

  #cardFor(key) {
    const card = this.current();
    return card ? this.move(this.all(), card, key) : (this.waiting()[0] ?? this.all()[0]);
  }

  /** The newest undo button is the one that a key presses. */
  #onSwap() {
    const buttons = [...this.root.querySelectorAll("[data-undo-button]")];
    if (buttons.length) this.#lastUndo = buttons.find((one) => !one.dataset.seen) ?? this.#lastUndo;
    for (const button of buttons) button.dataset.seen = "yes";
    this.#showCount();
  }

  #onUndone({ event, faces }) {
    const isOfFaces = this.root.dataset.cards === "faces";
    for (const card of this.all()) {
      const isUndone = card.querySelector(`[data-undoes][action$="/${event}/undo"]`);
      if (!isUndone && !(isOfFaces && faces.includes(Number(card.dataset.card)))) continue;
      this.#reload(card.id).then(() => this.focus(document.getElementById(card.id)));
      setTimeout(() => this.#isUntouched(card.id) && this.#reload(card.id), RELOAD_UNDONE);
    }
  }

  /** Fetch a card as it is now; it keeps the focus. */
  async #reload(id) {
    const hadFocus = this.current()?.id === id;
    await request("GET", document.getElementById(id).dataset.url, { target: `#${id}`, swap: "outerHTML" });
    this.#showCount();
    if (hadFocus) this.focus(document.getElementById(id));
  }

  #isUntouched(id) {
    const card = document.getElementById(id);
    if (!card?.matches("[data-waits]") || document.querySelector("dialog[open]")) return false;
    return !card.querySelector(".htmx-request, details[open]");
  }

  #fetchDecidedByOthers() {
    const ids = this.waiting().map((card) => card.dataset.card);
    if (document.hidden || !ids.length || document.querySelector("dialog[open]")) return;
    request("GET", `${this.root.dataset.decided}?ids=${ids.slice(0, 100).join(",")}`, { swap: "none", isByTimer: true });
  }
}
