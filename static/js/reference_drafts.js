/**
 * Pictures of a person that are to become references: they are dropped here, the right face is chosen on each, and one that
 * was not found is drawn.
 */
import { startBoxDrawing } from "./box_drawing.js";
import { failureOf } from "./failure.js";
import { onChosen, startFileDrop } from "./file_drop.js";

const drop = document.querySelector("[data-drop]");
const field = drop.querySelector("input[type=file]");

function sendPictures() {
  const words = drop.querySelector("[data-dropwords]");
  words.textContent = words.dataset.dropwords;
  drop.requestSubmit();
}

onChosen(field, sendPictures);
startFileDrop(drop, (transfer) => {
  if (!transfer.files.length) return;
  field.files = transfer.files;
  sendPictures();
});

function markChosenFace(draft, number) {
  for (const box of draft.querySelectorAll("[data-face]")) box.classList.toggle("is-chosen", box.dataset.face === number);
}

/** A click on a face of the picture chooses it, as its radio button does. */
function startDraft(draft) {
  for (const radio of draft.querySelectorAll("input[type=radio]")) {
    radio.addEventListener("change", () => markChosenFace(draft, radio.value));
  }
  for (const box of draft.querySelectorAll("[data-face]")) {
    box.addEventListener("click", () => {
      const radio = draft.querySelector(`input[value="${box.dataset.face}"]`);
      if (!radio || draft.querySelector(".is-drawing")) return;
      radio.checked = true;
      markChosenFace(draft, radio.value);
    });
  }
  const viewer = draft.querySelector("[data-viewer]");
  startBoxDrawing(viewer, async (address, values) => {
    const body = new FormData();
    for (const [side, value] of Object.entries(values)) body.set(side, value);
    body.set("csrfmiddlewaretoken", drop.elements.csrfmiddlewaretoken.value);
    const answer = await fetch(address, { method: "POST", body, headers: { "HX-Request": "true" } }).catch(() => null);
    if (!answer?.ok) return showFailure(draft, failureOf(answer, drop.dataset));
    draft.innerHTML = await answer.text();
    startDraft(draft);
  }, draft);
}

function showFailure(draft, sentence) {
  const note = draft.querySelector(".errornote") ?? document.createElement("p");
  note.className = "errornote";
  note.setAttribute("role", "alert");
  note.textContent = sentence;
  draft.prepend(note);
}

for (const draft of document.querySelectorAll(".drafts [data-poll-url]")) {
  startDraft(draft);
  draft.addEventListener("polled", () => startDraft(draft));
}
