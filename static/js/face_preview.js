/** Calls `show(box)` when a face is pointed at with the mouse for a moment, or tabbed to. */

const MOMENT = 200; // milliseconds; the mouse may pass over faces on its way elsewhere

/** Returns a function that runs `act` without a preview of what gets the focus by it. */
export function startFacePreview(viewer, show) {
  let timer = 0;
  let mouseAt = "";
  let pointedAt = null;
  let isPaused = false;

  const cancel = () => {
    clearTimeout(timer);
    pointedAt = null;
  };
  viewer.addEventListener("pointermove", (event) => {
    const place = `${event.clientX},${event.clientY}`;
    if (event.pointerType !== "mouse" || place === mouseAt) return; // else the page has moved under a mouse at rest
    mouseAt = place;
    const box = event.target.closest("a.box");
    if (box === pointedAt) return;
    cancel();
    if (!box || event.buttons || viewer.classList.contains("is-drawing") || coversPhoto(viewer)) return;
    pointedAt = box;
    timer = setTimeout(() => show(box), MOMENT);
  });
  viewer.addEventListener("pointerleave", cancel);
  viewer.addEventListener("click", cancel, true);
  document.addEventListener("keydown", cancel, true);

  viewer.addEventListener("focusin", (event) => {
    const box = event.target.closest("a.box");
    if (box?.matches(":focus-visible") && !isPaused && !coversPhoto(viewer)) show(box);
  });

  return (act) => {
    cancel();
    isPaused = true;
    act();
    isPaused = false;
  };
}

/** Whether the panel lies over the photo, as on small screens: there a face is chosen, not pointed at. */
function coversPhoto(viewer) {
  return getComputedStyle(viewer.querySelector("[data-panel]")).position === "fixed" || innerWidth <= 1024;
}
