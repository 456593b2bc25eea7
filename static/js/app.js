/** What every page has: menus that close, messages, the keyboard's way to the search box, forms that send themselves. */
import { onKeys, startKeysSwitch } from "./keys.js";
import { startToasts } from "./toast.js";

/** Menus are <details data-menu> and need no script to open. A click elsewhere closes them, and so does Escape. */
function startMenus() {
  const openMenus = () => document.querySelectorAll("details[data-menu][open]");
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.stopPropagation();
      event.preventDefault(); // so that Escape does nothing else
    }
  });
}

/** "/" goes to the search box. */
function startSearchKey() {
  const box = document.querySelector("[data-search]");
  if (box) onKeys((key) => key === "/" && (box.focus(), box.select(), true));
}

/** A form with data-autosubmit is sent as soon as one of its boxes is ticked or unticked. */
function startAutosubmit() {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-autosubmit] input[type=checkbox]")) event.target.form.requestSubmit();
  });
}

/**
 * Whoever follows a tile comes back to a page that reaches as far as the tile, where the browser then finds the place
 * again. A part that was added to the page is else not there any more.
 */
function startGridPlace() {
  document.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile > a")?.parentElement;
    if (!tile) return;
    const here = new URL(location);
    here.searchParams.delete("after");
    here.searchParams.set("at", tile.id.replace("tile-", ""));
    history.replaceState(history.state, "", here);
  });
}

/** See templates/service_worker.js. */
function startServiceWorker() {
  const address = document.body.dataset.worker; // for those who are signed in
  if (address) navigator.serviceWorker?.register(address).catch(() => {}); // a private window may refuse it
  const isShared = new URLSearchParams(location.search).has("shared");
  if (!isShared) window.caches?.delete("shared").catch(() => {}); // what no upload page has taken
}

startMenus(); // first, as it keeps Escape from those that listen after it
startToasts();
startSearchKey();
startKeysSwitch();
startAutosubmit();
startGridPlace();
startServiceWorker();
