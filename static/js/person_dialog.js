/** The dialog that asks who somebody is, for a card; `save(card, values)` gets a chosen `person` or a typed `name`. */
import { startTypeahead } from "./typeahead.js";

export function startSomeone(root, save) {
  const dialog = document.querySelector("[data-someone]");

  root.addEventListener("click", (event) => {
    const link = event.target.closest("[data-ask-who]");
    if (!link) return;
    event.preventDefault();
    ask(dialog, link.closest("[data-card]"));
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

function ask(dialog, card) {
  const field = dialog.querySelector("input[name=name]");
  dialog.dataset.card = card.dataset.card;
  dialog.querySelector("[data-shown]").src = card.querySelector("img").src;
  field.value = "";
  dialog.querySelector("[role=listbox]").replaceChildren();
  dialog.showModal();
  field.focus();
}
