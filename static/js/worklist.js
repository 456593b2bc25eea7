/** A worklist of gallery health, one case below the other: J and K or the arrow keys move, one key settles a case. */
import { Cards } from "./cards.js";
import { startPersonDialog } from "./person_dialog.js";
import { request } from "./request.js";

const STEPS = { j: 1, ArrowDown: 1, ArrowRight: 1, k: -1, ArrowUp: -1, ArrowLeft: -1 };
const moveInList = (all, card, key) => all[all.indexOf(card) + STEPS[key]];
moveInList.keys = Object.keys(STEPS);

const root = document.querySelector("[data-cards]");
if (root) {
  const cards = new Cards(root, { move: moveInList, undoKeys: ["u", "z"] });
  startPersonDialog(root, (card, chosen) => {
    const form = card.querySelector("[data-acts]");
    const values = { act: "move", ...chosen };
    request("POST", form.action, { target: `#${card.id}`, swap: "outerHTML", values });
    cards.focus(cards.nextAfter(card));
  });
}
