/**
 * A request that a script makes. htmx lets an element have one request at a time, and of those that wait behind it
 * drops all but the last: so each of these comes from an element of its own, and none is lost.
 *
 * The promise is fulfilled with whether the server said yes; what failed is told by a message (toast.js).
 */
export async function request(verb, address, options = {}) {
  const source = document.createElement("span");
  source.hidden = true;
  let isDone = false;
  source.addEventListener("htmx:afterRequest", (event) => { isDone = event.detail.successful === true; });
  document.body.append(source);
  try {
    await window.htmx.ajax(verb, address, { source, ...options });
  } catch {
    isDone = false;
  } finally {
    source.remove();
  }
  return isDone;
}
