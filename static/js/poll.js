/**
 * Parts of a page that follow background work: one with data-poll="5" and hx-trigger="poll" is fetched every five
 * seconds while the page is visible, and at once when it becomes visible again. Without data-poll it is left alone.
 */
const askedAt = new WeakMap();

function pollParts() {
  if (document.hidden) return;
  const now = Date.now();
  for (const part of document.querySelectorAll("[data-poll]")) {
    if (!askedAt.has(part)) askedAt.set(part, now); // it is new, so its first turn comes later
    if (now - askedAt.get(part) < Number(part.dataset.poll) * 1000) continue;
    askedAt.set(part, now);
    window.htmx.trigger(part, "poll");
  }
}

setInterval(pollParts, 500);
document.addEventListener("visibilitychange", pollParts);
