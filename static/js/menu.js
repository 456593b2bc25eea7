/** Menus are <details data-menu>; they work without this, which closes them on Escape or a click elsewhere. */
const openMenus = () => document.querySelectorAll("details[data-menu][open]");

export function closeMenusOutside() {
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
      event.preventDefault(); // Escape does nothing else then
    }
  });
}
