/** What runs says how far it is, every two seconds while somebody looks; a few places at a time. */
const EVERY = 2000;
const AT_ONCE = 6;

async function look(place) {
  const answer = await fetch(place.dataset.poll);
  if (!answer.ok) return;
  place.innerHTML = await answer.text();
  place.dispatchEvent(new Event("looked"));
}

function lookAround() {
  if (document.hidden) return;
  const running = [...document.querySelectorAll("[data-poll]")].filter((place) => place.querySelector("[data-running]"));
  running.slice(0, AT_ONCE).forEach(look);
}

if (document.querySelector("[data-poll]")) setInterval(lookAround, EVERY);
