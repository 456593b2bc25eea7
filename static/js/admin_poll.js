/**
 * The same as poll.js for the admin, which has no htmx: what stands at the address in data-poll-url is fetched every two
 * seconds while it holds something with data-running, and the event "polled" tells of it.
 */
const EVERY = 2000; // milliseconds
const AT_ONCE = 6;

async function pollPart(part) {
  const answer = await fetch(part.dataset.pollUrl);
  if (!answer.ok) return;
  part.innerHTML = await answer.text();
  part.dispatchEvent(new Event("polled"));
}

function pollRunning() {
  if (document.hidden) return;
  const running = [...document.querySelectorAll("[data-poll-url]")].filter((part) => part.querySelector("[data-running]"));
  running.slice(0, AT_ONCE).forEach(pollPart);
}

if (document.querySelector("[data-poll-url]")) setInterval(pollRunning, EVERY);
