/** The dialog that asks who the face of a card is. */
import { startTypeahead } from "./typeahead.js";

/** Calls `save(card, values)` with the `person` that was chosen, or the `name` that was typed. */
export function startPersonDialog(root, save) {
  const dialog = document.querySelector("[data-person-dialog]");

  root.addEventListener("click", (event) => {
    const link = event.target.closest("[data-ask-who]");
    if (!link) return;
    event.preventDefault();
    openPersonDialog(dialog, link.closest("[data-card]"));
  });

  startTypeahead(dialog);
  dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
  dialog.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const card = document.getElementById(`card-${dialog.dataset.card}`);
    const name = event.target.elements.name.value.trim();
    const chosen = event.submitter?.name === "person" ? { person: event.submitter.value } : { name };
    if (!card || (!chosen.person && !name)) return;
    dialog.close();
    save(card, chosen);
  });
}

function openPersonDialog(dialog, card) {
  const field = dialog.querySelector("input[name=name]");
  dialog.dataset.card = card.dataset.card;
  dialog.querySelector("[data-shown]").src = card.querySelector("img").src;
  field.value = "";
  dialog.querySelector("[role=listbox]").replaceChildren();
  dialog.showModal();
  field.focus();
}
