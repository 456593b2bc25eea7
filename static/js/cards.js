/**
 * Cards that each ask one thing: keys move between them, one key answers, the next that waits is at hand, and what
 * others have answered meanwhile is shown. `root` has data-decided, where to ask for those; a card has data-card,
 * data-url, and data-waits while it is open; what answers has data-act, its key.
 */
import { onKeys } from "./keys.js";
import { request } from "./request.js";

const LOOK_EVERY = 8000; // milliseconds
const SEARCHED_AFTER = 3000; // by then the worker has searched a face again whose answer was taken back

export class Cards {
  #lastUndo = null;

  /** `move(cards, key)` says which card a key leads to, undefined if none. */
  constructor(root, { move, undoKeys }) {
    this.root = root;
    this.moveTo = move;
    this.undoKeys = undoKeys;
    onKeys((key) => this.#act(key));
    root.addEventListener("htmx:beforeRequest", (event) => {
      const card = event.target.closest("[data-waits]"); // an answer is on its way: do not wait for the server
      if (card) this.focus(this.nextAfter(card));
    });
    document.body.addEventListener("htmx:afterSwap", () => this.#swapped());
    document.body.addEventListener("event-undone", (event) => this.#undone(event.detail));
    setInterval(() => this.#lookAtOthers(), LOOK_EVERY);
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

  nextAfter(card) {
    const all = this.all();
    const behind = all.slice(all.indexOf(card) + 1);
    return behind.find((one) => one.matches("[data-waits]")) ?? this.waiting().find((one) => one !== card);
  }

  /** How many are left, counted down; with none left on the page the way on gets the focus. */
  count() {
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

  #act(key) {
    if (this.moveTo.keys.includes(key)) return this.focus(this.#goal(key)), true;
    if (this.undoKeys.includes(key) && this.#lastUndo?.isConnected) return this.#lastUndo.click(), true;
    const card = this.current();
    if (key.length !== 1) return false;
    if (!card) return this.focus(this.waiting()[0]), true; // first show which it would be, as it may be anywhere
    const answer = card.querySelector(key === "o" ? "[data-open]" : `[data-act="${CSS.escape(key)}"]`);
    answer?.click();
    return Boolean(answer);
  }

  #goal(key) {
    const card = this.current();
    return card ? this.moveTo(this.all(), card, key) : (this.waiting()[0] ?? this.all()[0]);
  }

  #swapped() {
    const undo = [...this.root.querySelectorAll("[data-undo-button]")];
    if (undo.length) this.#lastUndo = undo.find((one) => !one.dataset.seen) ?? this.#lastUndo;
    for (const one of undo) one.dataset.seen = "yes";
    this.count();
  }

  #undone({ event, faces }) {
    const isOfFaces = this.root.dataset.cards === "faces";
    for (const card of this.all()) {
      const isUndone = card.querySelector(`[data-undoes][action$="/${event}/undo"]`);
      if (!isUndone && !(isOfFaces && faces.includes(Number(card.dataset.card)))) continue;
      this.#anew(card.id).then(() => this.focus(document.getElementById(card.id)));
      setTimeout(() => this.#isUntouched(card.id) && this.#anew(card.id), SEARCHED_AFTER);
    }
  }

  /** The card as it is now; it keeps the focus if it had it. */
  async #anew(id) {
    const hadFocus = this.current()?.id === id;
    await request("GET", document.getElementById(id).dataset.url, { target: `#${id}`, swap: "outerHTML" });
    this.count();
    if (hadFocus) this.focus(document.getElementById(id));
  }

  #isUntouched(id) {
    const card = document.getElementById(id);
    return card?.matches("[data-waits]") && !card.querySelector(".htmx-request, details[open]") && !document.querySelector("dialog[open]");
  }

  #lookAtOthers() {
    const ids = this.waiting().map((card) => card.dataset.card);
    if (document.hidden || !ids.length || document.querySelector("dialog[open]")) return;
    request("GET", `${this.root.dataset.decided}?ids=${ids.slice(0, 100).join(",")}`, { swap: "none" });
  }
}
