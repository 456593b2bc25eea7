/** A swipe across the photo leads to the next one, or back: what the links with data-key "]" and "[" do. */

const SHORTEST = 60; // CSS pixels; a shorter way is a tap by a moving hand

/** `isOff` says when touching means something else. Nor is it a swipe where the page is zoomed in, and moved by it. */
export function startSwipe(area, isOff = () => false) {
  let start = null;
  area.addEventListener("touchstart", (event) => {
    const isSwipe = event.touches.length === 1 && window.visualViewport.scale <= 1 && !isOff();
    start = isSwipe ? event.touches[0] : null;
  }, { passive: true });
  area.addEventListener("touchend", (event) => {
    if (!start) return;
    const end = event.changedTouches[0];
    const [across, down] = [end.clientX - start.clientX, end.clientY - start.clientY];
    start = null;
    if (Math.abs(across) < Math.max(SHORTEST, 2 * Math.abs(down))) return;
    document.querySelector(`a[data-key="${across < 0 ? "]" : "["}"]`)?.click();
  });
  area.addEventListener("touchcancel", () => { start = null; });
}
