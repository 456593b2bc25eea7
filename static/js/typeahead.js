/**
 * A text field (role combobox, inside data-typeahead) over a list of submit buttons that the server fills in.
 * Arrow keys go through the list, Enter takes the marked one; without a mark the typed name is sent as it is.
 */
export function startTypeahead(root) {
  root.addEventListener("keydown", (event) => {
    const field = event.target.closest("[data-typeahead] input");
    if (!field) return;
    const options = [...field.closest("[data-typeahead]").querySelectorAll("[role=option]")];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(field, options, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      const marked = options.find((option) => option.getAttribute("aria-selected") === "true");
      const taken = marked ?? exact(field, options);
      if (taken) {
        event.preventDefault();
        taken.click();
      } else {
        event.preventDefault(); // else the browser would press the form's first button, the first suggestion
        if (field.value.trim()) field.form.requestSubmit();
      }
    } else if (event.key === "Escape") {
      field.value = "";
      field.closest("[data-typeahead]").querySelector("[role=listbox]").replaceChildren();
      field.blur();
      field.closest("section[tabindex]")?.focus();
      event.stopPropagation();
    }
  });
  root.addEventListener("htmx:afterSwap", (event) => {
    const field = event.target.closest?.("[data-typeahead]")?.querySelector("input");
    if (field) field.setAttribute("aria-expanded", String(event.target.children.length > 0));
  });
}

function move(field, options, by) {
  if (!options.length) return;
  const here = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  const next = (here + by + options.length) % options.length;
  for (const [place, option] of options.entries()) option.setAttribute("aria-selected", String(place === next));
  field.setAttribute("aria-activedescendant", options[next].id);
  options[next].scrollIntoView({ block: "nearest" });
}

/** The one person whose name is just what was typed. */
function exact(field, options) {
  const typed = field.value.trim().toLocaleLowerCase();
  return options.find((option) => option.querySelector("[dir]")?.textContent.trim().toLocaleLowerCase() === typed);
}
