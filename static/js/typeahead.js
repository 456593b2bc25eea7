/**
 * A text field (role combobox, inside data-typeahead) over a list of submit buttons that the server fills in.
 *
 * Arrow keys go through the list and Enter takes the selected option. With none selected, Enter takes the person whose
 * name is exactly what was typed, else it sends the typed name.
 */
export function startTypeahead(root) {
  root.addEventListener("keydown", (event) => {
    const field = event.target.closest("[data-typeahead] input");
    if (!field) return;
    const options = [...field.closest("[data-typeahead]").querySelectorAll("[role=option]")];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      selectNext(field, options, event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter") {
      event.preventDefault(); // else the browser would press the form's first button, which is the first suggestion
      const option = selectedOption(options) ?? optionNamed(field.value, options);
      if (option) option.click();
      else if (field.value.trim()) field.form.requestSubmit();
    } else if (event.key === "Escape") {
      leaveField(field);
      event.stopPropagation();
    }
  });
  root.addEventListener("htmx:afterSwap", (event) => {
    const field = event.target.closest?.("[data-typeahead]")?.querySelector("input");
    if (field) field.setAttribute("aria-expanded", String(event.target.children.length > 0));
  });
}

const isSelected = (option) => option.getAttribute("aria-selected") === "true";
const selectedOption = (options) => options.find(isSelected);

function optionNamed(text, options) {
  const name = text.trim().toLocaleLowerCase();
  return options.find((option) => option.querySelector("[dir]")?.textContent.trim().toLocaleLowerCase() === name);
}

function selectNext(field, options, by) {
  if (!options.length) return;
  const next = (options.findIndex(isSelected) + by + options.length) % options.length;
  for (const [place, option] of options.entries()) option.setAttribute("aria-selected", String(place === next));
  field.setAttribute("aria-activedescendant", options[next].id);
  options[next].scrollIntoView({ block: "nearest" });
}

function leaveField(field) {
  field.value = "";
  field.closest("[data-typeahead]").querySelector("[role=listbox]").replaceChildren();
  field.blur();
  field.closest("section[tabindex]")?.focus(); // a face's panel
}
