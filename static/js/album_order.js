/** Dragging a photo to its place; without this script, and by keyboard, the buttons beside it do the same. */
import { request } from "./request.js";

let dragged = null;

const photoOf = (event) => event.target.closest?.("[data-place]");

/** Whether what is dragged over the photo would stand before it, rather than behind. */
function isBefore(event, photo) {
  const { left, width } = photo.getBoundingClientRect();
  return event.clientX < left + width / 2;
}

function clearMarks() {
  for (const marked of document.querySelectorAll(".drop-before, .drop-behind")) {
    marked.classList.remove("drop-before", "drop-behind");
  }
}

document.addEventListener("dragstart", (event) => {
  dragged = photoOf(event);
  if (dragged) event.dataTransfer.effectAllowed = "move";
});

document.addEventListener("dragover", (event) => {
  const photo = photoOf(event);
  if (!dragged || !photo) return;
  event.preventDefault();
  clearMarks();
  if (photo !== dragged) photo.classList.add(isBefore(event, photo) ? "drop-before" : "drop-behind");
});

document.addEventListener("drop", (event) => {
  const photo = photoOf(event);
  if (!dragged || !photo || photo === dragged) return;
  event.preventDefault();
  const where = isBefore(event, photo) ? "before" : "behind";
  const form = photo.closest("[data-order]");
  const values = { move: `${dragged.dataset.place}:${where}:${photo.dataset.place}` };
  request("POST", form.getAttribute("hx-post"), { values, target: "#order", swap: "outerHTML" });
});

document.addEventListener("dragend", () => {
  clearMarks();
  dragged = null;
});
