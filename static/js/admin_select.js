/**
 * The admin's fields with type-ahead are named by their label. Select2 by itself names them by what is chosen, so that an
 * empty one has no name for a screen reader, and gives the chosen text the role of an input of its own.
 */
function nameBox(select) {
  const box = select.nextElementSibling?.querySelector("[role=combobox]");
  const chosen = box?.querySelector(".select2-selection__rendered");
  const [label] = select.labels;
  if (!chosen || !label) return;
  label.id ||= `${select.id}-label`;
  box.setAttribute("aria-labelledby", `${label.id} ${chosen.id}`);
  chosen.removeAttribute("role");
  chosen.removeAttribute("aria-readonly");
}

// By the admin's jQuery: its callbacks run in turn, this one after Select2's own. Pages without fields do not load it.
window.django?.jQuery?.(() => document.querySelectorAll("select.admin-autocomplete").forEach(nameBox));
