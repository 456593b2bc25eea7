/**
 * A page with photos in progress asks every two seconds which of its tiles are ready; the answer brings
 * their new form. It stops when nothing is left, and rests while the page is not looked at.
 */
const EVERY = 2000;

export function watchProgress() {
  document.body.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches("[data-progress]")) return;
    const busy = [...document.querySelectorAll("[data-busy]")].slice(0, 120);
    event.detail.parameters.ids = busy.map((tile) => tile.dataset.busy).join(",");
  });
  setInterval(() => {
    const line = document.querySelector("[data-progress]");
    if (!line || document.hidden) return;
    if (Number(line.dataset.left) || document.querySelector("[data-busy]")) window.htmx.trigger(document.body, "look");
  }, EVERY);
}

watchProgress();
