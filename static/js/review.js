/** The review queue: a grid of questions. Arrow keys move, one key answers, and the focus goes on to the next question. */
import { Cards } from "./cards.js";
import { startPersonDialog } from "./person_dialog.js";
import { request } from "./request.js";

/** Left and right follow the list; up and down lead to the nearest card of the next line. */
function moveInGrid(all, card, key) {
  if (key === "ArrowRight") return all[all.indexOf(card) + 1];
  if (key === "ArrowLeft") return all[all.indexOf(card) - 1];
  const from = card.getBoundingClientRect();
  const half = from.height / 2; // cards of one line need not begin at the same height
  const isDown = key === "ArrowDown";
  const beyond = all
    .map((one) => ({ one, box: one.getBoundingClientRect() }))
    .filter(({ box }) => (isDown ? box.bottom > from.bottom + half : box.bottom < from.bottom - half));
  if (!beyond.length) return undefined;
  const bottoms = beyond.map(({ box }) => box.bottom);
  const nextBottom = isDown ? Math.min(...bottoms) : Math.max(...bottoms);
  const line = beyond.filter(({ box }) => Math.abs(box.bottom - nextBottom) < half);
  line.sort((a, b) => Math.abs(a.box.left - from.left) - Math.abs(b.box.left - from.left));
  return line[0].one;
}
moveInGrid.keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"];

const root = document.querySelector("[data-cards]");
if (root) {
  const cards = new Cards(root, { move: moveInGrid, undoKeys: ["z"] });
  startPersonDialog(root, (card, chosen) => {
    const form = card.querySelector(".qform");
    if (!form) return; // somebody else has answered meanwhile
    const values = { answer: "other", revision: form.elements.revision.value, ...chosen };
    request("POST", form.action, { target: `#${card.id}`, swap: "outerHTML", values });
    cards.focus(cards.nextAfter(card));
  });
}
