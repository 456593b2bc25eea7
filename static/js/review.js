/** The review queue: a grid of questions; arrows move, one key answers, and the next question is at hand. */
import { onKeys } from "./keys.js";
import { startTypeahead } from "./typeahead.js";

const LOOK_EVERY = 8000;
const root = document.querySelector("[data-review]");
const someone = document.querySelector("[data-someone]");
let lastUndo = null;

const cards = () => [...root.querySelectorAll("[data-card]")];
const waiting = () => [...root.querySelectorAll("[data-waits]")];
const current = () => document.activeElement?.closest("[data-card]");

function focusOn(card) {
  if (!card) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function nextAfter(card) {
  const all = cards();
  const here = all.indexOf(card);
  return all.slice(here + 1).find((one) => one.matches("[data-waits]")) ?? waiting().find((one) => one !== card);
}

/** Left and right go through the list; up and down to the nearest card of another line. */
function move(key) {
  const all = cards();
  const card = current();
  if (!card) return focusOn(waiting()[0] ?? all[0]);
  if (key === "ArrowRight") return focusOn(all[all.indexOf(card) + 1]);
  if (key === "ArrowLeft") return focusOn(all[all.indexOf(card) - 1]);
  const from = card.getBoundingClientRect();
  const isDown = key === "ArrowDown";
  const lines = all
    .map((one) => ({ one, box: one.getBoundingClientRect() }))
    .filter(({ box }) => (isDown ? box.top > from.top + 4 : box.top < from.top - 4));
  if (!lines.length) return undefined;
  const tops = lines.map(({ box }) => box.top);
  const line = isDown ? Math.min(...tops) : Math.max(...tops);
  const near = lines.filter(({ box }) => Math.abs(box.top - line) < 4);
  near.sort((a, b) => Math.abs(a.box.left - from.left) - Math.abs(b.box.left - from.left));
  return focusOn(near[0].one);
}

function answer(card, key) {
  const button = card.querySelector(`[data-act="${key}"]`);
  if (!button) return false;
  if (key === "s") askWho(card);
  else button.click();
  return true;
}

function askWho(card) {
  someone.dataset.card = card.dataset.card;
  const field = someone.querySelector("input[name=name]");
  someone.querySelector("[data-shown]").src = card.querySelector("img").src;
  field.value = "";
  someone.querySelector("[role=listbox]").replaceChildren();
  someone.showModal();
  field.focus();
}

function save(card, form, extra) {
  const values = { say: "other", revision: form.elements.revision.value, ...extra };
  window.htmx.ajax("POST", form.action, { target: `#card-${card.dataset.card}`, swap: "outerHTML", values });
  focusOn(nextAfter(card));
}

if (root) {
  onKeys((key) => {
    if (key.startsWith("Arrow")) return move(key), true;
    if (key === "z" && lastUndo?.isConnected) return lastUndo.click(), true;
    const card = current() ?? waiting()[0];
    if (!card) return false;
    if (key === "o") return card.querySelector("[data-open]")?.click(), true;
    return key.length === 1 && answer(card, key);
  });

  root.addEventListener("click", (event) => {
    const link = event.target.closest('[data-act="s"]');
    if (!link) return;
    event.preventDefault();
    askWho(link.closest("[data-card]"));
  });

  /* An answer is on its way: the next question gets the focus, without waiting for the server. */
  root.addEventListener("htmx:beforeRequest", (event) => {
    const card = event.target.closest("[data-waits]");
    if (card) focusOn(nextAfter(card));
  });

  document.body.addEventListener("htmx:afterSwap", () => {
    const undo = [...root.querySelectorAll("[data-undo-button]")];
    if (undo.length) lastUndo = undo.find((one) => !one.dataset.seen) ?? lastUndo;
    for (const one of undo) one.dataset.seen = "yes";
    count();
  });

  document.body.addEventListener("event-undone", (event) => {
    for (const pk of event.detail.faces) {
      const card = document.getElementById(`card-${pk}`);
      if (!card) continue;
      window.htmx.ajax("GET", card.dataset.url, { target: `#card-${pk}`, swap: "outerHTML" }).then(() => {
        count();
        focusOn(document.getElementById(`card-${pk}`));
      });
    }
  });

  startTypeahead(someone);
  someone.querySelector("[data-cancel]").addEventListener("click", () => someone.close());
  someone.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const card = document.getElementById(`card-${someone.dataset.card}`);
    const form = card?.querySelector(".qform");
    const name = event.target.elements.name.value.trim();
    const chosen = event.submitter?.name === "person" ? { person: event.submitter.value } : { name };
    if (!form || (!chosen.person && !name)) return;
    someone.close();
    save(card, form, chosen);
  });

  setInterval(() => {
    const ids = waiting().map((card) => card.dataset.card);
    if (document.hidden || !ids.length || someone.open) return;
    window.htmx.ajax("GET", `${root.dataset.decided}?ids=${ids.slice(0, 100).join(",")}`, { swap: "none" });
  }, LOOK_EVERY);
}

/** How many are left, counted down; with none left on the page the way on gets the focus. */
function count() {
  const left = document.querySelector("[data-left]");
  const done = cards().length - waiting().length;
  if (left) left.textContent = new Intl.NumberFormat(document.documentElement.lang).format(Math.max(0, left.dataset.left - done));
  if (!waiting().length && document.activeElement === document.body) document.querySelector("[data-next]")?.focus();
}
