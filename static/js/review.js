/** The review queue: a grid of questions; arrows move, one key answers, and the next question is at hand. */
import { Cards } from "./cards.js";
import { request } from "./request.js";
import { startSomeone } from "./person_dialog.js";

/** Left and right go through the list; up and down to the nearest card of another line. */
function move(all, card, key) {
  if (key === "ArrowRight") return all[all.indexOf(card) + 1];
  if (key === "ArrowLeft") return all[all.indexOf(card) - 1];
  const from = card.getBoundingClientRect();
  const half = from.height / 2; // cards of one line need not begin at the same height
  const isDown = key === "ArrowDown";
  const lines = all
    .map((one) => ({ one, box: one.getBoundingClientRect() }))
    .filter(({ box }) => (isDown ? box.bottom > from.bottom + half : box.bottom < from.bottom - half));
  if (!lines.length) return undefined;
  const ends = lines.map(({ box }) => box.bottom);
  const line = isDown ? Math.min(...ends) : Math.max(...ends);
  const near = lines.filter(({ box }) => Math.abs(box.bottom - line) < half);
  near.sort((a, b) => Math.abs(a.box.left - from.left) - Math.abs(b.box.left - from.left));
  return near[0].one;
}
move.keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

const root = document.querySelector("[data-cards]");
if (root) {
  const cards = new Cards(root, { move, undoKeys: ["z"] });
  startSomeone(root, (card, chosen) => {
    const form = card.querySelector(".qform");
    if (!form) return;
    const values = { say: "other", revision: form.elements.revision.value, ...chosen };
    request("POST", form.action, { target: `#${card.id}`, swap: "outerHTML", values });
    cards.focus(cards.nextAfter(card));
  });
}
