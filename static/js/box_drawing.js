/** Drawing a box around a missed face, by dragging or with the keyboard. Units are photo pixels. */

const SMALLEST = 12; // a smaller box is a slip of the hand

/**
 * Calls `send(address, box)` with each finished box. The button that starts it, with its address in data-action, and the
 * hint are in the viewer, or else in `around`.
 */
export function startBoxDrawing(viewer, send, around = viewer) {
  const button = around.querySelector("[data-draw]");
  if (!button) return;
  const frame = viewer.querySelector("[data-frame]") ?? viewer;
  const hint = around.querySelector("[data-drawhint]");
  let start = null;
  let box = null;

  const svg = () => viewer.querySelector("svg.boxes");
  const isOn = () => viewer.classList.contains("is-drawing");

  function switchDrawing(on) {
    const wasOn = isOn();
    viewer.classList.toggle("is-drawing", on);
    button.setAttribute("aria-pressed", String(on));
    hint.hidden = !on;
    const word = button.querySelector("[data-word]");
    if (word && on !== wasOn) [word.textContent, word.dataset.word] = [word.dataset.word, word.textContent];
    start = null;
    if (!on) drawBox(null);
  }

  function drawBox(next) {
    box = next;
    const shown = next ?? { left: 0, top: 0, width: 0, height: 0 };
    const drawn = viewer.querySelector("[data-drawn]");
    drawn.setAttribute("x", shown.left);
    drawn.setAttribute("y", shown.top);
    drawn.setAttribute("width", shown.width);
    drawn.setAttribute("height", shown.height);
  }

  function pointInPhoto(event) {
    const { width, height } = svg().viewBox.baseVal;
    const found = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg().getScreenCTM().inverse());
    return { x: Math.min(Math.max(found.x, 0), width), y: Math.min(Math.max(found.y, 0), height) };
  }

  function finishBox() {
    const values = Object.fromEntries(Object.entries(box).map(([side, value]) => [side, value.toFixed(1)]));
    if (viewer.dataset.in) values.in = viewer.dataset.in;
    if (viewer.dataset.turn) values.turn = viewer.dataset.turn; // the box is wrong if somebody turns the photo meanwhile
    if (box.width < SMALLEST || box.height < SMALLEST) return drawBox(null);
    switchDrawing(false);
    return send(button.dataset.action, values);
  }

  button.addEventListener("click", () => {
    switchDrawing(!isOn());
    if (isOn()) frame.focus({ preventScroll: true });
  });
  frame.tabIndex = -1;
  frame.addEventListener("pointerdown", (event) => {
    if (!isOn() || event.button !== 0) return;
    event.preventDefault();
    frame.setPointerCapture(event.pointerId);
    start = pointInPhoto(event);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!start) return;
    const end = pointInPhoto(event);
    drawBox({
      left: Math.min(start.x, end.x),
      top: Math.min(start.y, end.y),
      width: Math.abs(end.x - start.x),
      height: Math.abs(end.y - start.y),
    });
  });
  frame.addEventListener("pointerup", () => {
    if (!start) return;
    start = null;
    if (box) finishBox();
  });
  document.addEventListener("keydown", (event) => {
    if (!isOn() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") switchDrawing(false);
    else if (event.key === "Enter" && box) finishBox();
    else if (event.key.startsWith("Arrow")) drawBox(movedBox(box ?? middleBox(svg()), event.key, event.shiftKey, svg()));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
}

function middleBox(svg) {
  const { width, height } = svg.viewBox.baseVal;
  const side = Math.min(width, height) / 6;
  return { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side };
}

/** The box moved by an arrow key or, with Shift, sized. */
function movedBox(box, key, isSizing, svg) {
  const { width, height } = svg.viewBox.baseVal;
  const step = Math.max(width, height) / 100;
  const across = { ArrowLeft: -step, ArrowRight: step }[key] ?? 0;
  const down = { ArrowUp: -step, ArrowDown: step }[key] ?? 0;
  const next = { ...box };
  if (isSizing) {
    next.width = Math.min(Math.max(SMALLEST, box.width + across), width - box.left);
    next.height = Math.min(Math.max(SMALLEST, box.height + down), height - box.top);
  } else {
    next.left = Math.min(Math.max(0, box.left + across), width - box.width);
    next.top = Math.min(Math.max(0, box.top + down), height - box.height);
  }
  return next;
}
