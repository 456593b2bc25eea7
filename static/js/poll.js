/**
 * Parts of a page that follow work in the background: `data-poll="5"` with hx-trigger="poll" is asked for anew every
 * five seconds while the page is looked at, and at once when it is looked at again. Without data-poll it rests.
 */
const asked = new WeakMap();

function look() {
  if (document.hidden) return;
  for (const part of document.querySelectorAll("[data-poll]")) {
    const since = Date.now() - (asked.get(part) ?? asked.set(part, Date.now()).get(part));
    if (since < Number(part.dataset.poll) * 1000) continue;
    asked.set(part, Date.now());
    window.htmx.trigger(part, "poll");
  }
}

setInterval(look, 500);
document.addEventListener("visibilitychange", look);
