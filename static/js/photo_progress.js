/**
 * A page with photos in progress asks every two seconds which of its tiles are ready, and the answer brings their new
 * form. It stops when nothing is left, and while the page is hidden.
 */
const EVERY = 2000; // milliseconds
const MOST_IDS = 120; // in one request

document.body.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches("[data-progress]")) return;
  const busy = [...document.querySelectorAll("[data-busy]")].slice(0, MOST_IDS);
  event.detail.parameters.ids = busy.map((tile) => tile.dataset.busy).join(",");
});

setInterval(() => {
  const line = document.querySelector("[data-progress]");
  if (!line || document.hidden) return;
  if (Number(line.dataset.left) || document.querySelector("[data-busy]")) window.htmx.trigger(document.body, "look");
}, EVERY);
