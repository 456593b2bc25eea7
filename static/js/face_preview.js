/** A face is pointed at with the mouse for a moment, or tabbed to: `show(box)` is called with its box. */

const MOMENT = 200; // milliseconds; passing over a face on the way elsewhere is no pointing

export function startPeeking(viewer, show) {
  let timer = 0;
  let at = "";
  let pointed = null;
  let isStopped = false;

  const stop = () => {
    clearTimeout(timer);
    pointed = null;
  };
  viewer.addEventListener("pointermove", (event) => {
    const place = `${event.clientX},${event.clientY}`;
    if (event.pointerType !== "mouse" || place === at) return; // the page moved below a mouse at rest
    at = place;
    const box = event.target.closest("a.box");
    if (box === pointed) return;
    stop();
    if (!box || event.buttons || viewer.classList.contains("is-drawing") || isSheet(viewer)) return;
    pointed = box;
    timer = setTimeout(() => show(box), MOMENT);
  });
  viewer.addEventListener("pointerleave", stop);
  viewer.addEventListener("click", stop, true);
  document.addEventListener("keydown", stop, true);

  viewer.addEventListener("focusin", (event) => {
    const box = event.target.closest("a.box");
    if (box?.matches(":focus-visible") && !isStopped && !isSheet(viewer)) show(box);
  });

  /** Until the returned function is called, a box may get the focus without being shown. */
  return () => {
    stop();
    isStopped = true;
    return () => { isStopped = false; };
  };
}

/** On small screens the panel lies over the photo: there a face is chosen, not pointed at. */
function isSheet(viewer) {
  return getComputedStyle(viewer.querySelector("[data-panel]")).position === "fixed" || innerWidth <= 1024;
}
