import { tellFailure } from "./failure.js";

/**
 * A request that a script makes through htmx; resolves to whether it succeeded. A failure is told by a message (toast.js),
 * unless a timer made it.
 *
 * htmx lets an element have one request at a time, and of those that wait behind it drops all but the last: so each
 * of these comes from an element of its own, and none is lost. Where `isWanted()` is false by the time of the answer,
 * the target keeps its content, and only what the answer has for other places (hx-swap-oob) is swapped.
 */
export async function request(verb, address, { isWanted = () => true, isByTimer = false, ...options } = {}) {
  const source = document.createElement("span");
  source.hidden = true;
  source.toggleAttribute("data-by-timer", isByTimer);
  let isDone = false;
  const leaveTarget = ({ detail }) => {
    if (detail.requestConfig.elt === source && !isWanted()) detail.swapOverride = "none";
  };
  source.addEventListener("htmx:afterRequest", (event) => { isDone = event.detail.successful === true; });
  document.body.addEventListener("htmx:beforeSwap", leaveTarget);
  document.body.append(source);
  try {
    await window.htmx.ajax(verb, address, { source, ...options });
  } catch {
    isDone = false;
  } finally {
    document.body.removeEventListener("htmx:beforeSwap", leaveTarget);
    source.remove();
  }
  return isDone;
}

/**
 * A part of a page as text, by a request that `signal` can abort: htmx would write an aborted one to the console as an
 * error. Resolves to null where it was aborted, has failed (told by a message), or leads to the login.
 */
export async function fetchPart(address, signal) {
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true", "HX-Current-URL": location.href }, signal });
    const login = answer.headers.get("HX-Redirect");
    if (answer.ok && !login) return await answer.text();
    if (login) location.assign(login);
    else tellFailure(answer);
  } catch {
    if (!signal.aborted) tellFailure();
  }
  return null;
}
