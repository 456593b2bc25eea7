/** Pictures of a person that are to become references: dropped, faces chosen on the picture, drawn where missed. */
import { startBoxDrawing } from "./box_drawing.js";

const drop = document.querySelector("[data-drop]");
const field = drop.querySelector("input[type=file]");

function send() {
  if (!field.files.length) return;
  const words = drop.querySelector("[data-dropwords]");
  words.textContent = words.dataset.dropwords;
  drop.requestSubmit();
}

field.addEventListener("change", send);
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("is-over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  if (!event.dataTransfer.files.length) return;
  field.files = event.dataTransfer.files;
  send();
});

/** The chosen face is marked on the picture, and a click on a face chooses it. */
function choose(place, number) {
  for (const box of place.querySelectorAll("[data-face]")) box.classList.toggle("is-chosen", box.dataset.face === number);
}

function start(place) {
  for (const radio of place.querySelectorAll("input[type=radio]")) {
    radio.addEventListener("change", () => choose(place, radio.value));
  }
  for (const box of place.querySelectorAll("[data-face]")) {
    box.addEventListener("click", () => {
      const radio = place.querySelector(`input[value="${box.dataset.face}"]`);
      if (!radio || place.querySelector(".is-drawing")) return;
      radio.checked = true;
      choose(place, radio.value);
    });
  }
  const viewer = place.querySelector("[data-viewer]");
  startBoxDrawing(viewer, async (address, values) => {
    const body = new FormData();
    for (const [side, value] of Object.entries(values)) body.set(side, value);
    body.set("csrfmiddlewaretoken", drop.elements.csrfmiddlewaretoken.value);
    const answer = await fetch(address, { method: "POST", body });
    if (!answer.ok) return;
    place.innerHTML = await answer.text();
    start(place);
  }, place);
}

for (const place of document.querySelectorAll(".drafts [data-poll]")) {
  start(place);
  place.addEventListener("looked", () => start(place));
}
