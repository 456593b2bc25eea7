/** A list of gallery health: one thing below the other; J and K or the arrows move, one key mends. */
import { Cards } from "./cards.js";
import { request } from "./request.js";
import { startSomeone } from "./person_dialog.js";

const STEPS = { j: 1, ArrowDown: 1, ArrowRight: 1, k: -1, ArrowUp: -1, ArrowLeft: -1 };
const move = (all, card, key) => all[all.indexOf(card) + STEPS[key]];
move.keys = Object.keys(STEPS);

const root = document.querySelector("[data-cards]");
if (root) {
  const cards = new Cards(root, { move, undoKeys: ["u", "z"] });
  startSomeone(root, (card, chosen) => {
    const form = card.querySelector("[data-acts]");
    const values = { act: "move", ...chosen };
    request("POST", form.action, { target: `#${card.id}`, swap: "outerHTML", values });
    cards.focus(cards.nextAfter(card));
  });
}
