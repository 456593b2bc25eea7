/** A running act on many rows says how far it is, every two seconds while somebody looks. */
const EVERY = 2000;

async function look(place) {
  if (document.hidden || !place.querySelector("[data-running]")) return;
  const answer = await fetch(place.dataset.poll);
  if (answer.ok) place.innerHTML = await answer.text();
}

for (const place of document.querySelectorAll("[data-poll]")) setInterval(() => look(place), EVERY);
