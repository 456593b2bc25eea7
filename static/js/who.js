/** "Who is this?": a picture is looked at as soon as it is chosen, taken, dropped or pasted. The form does the rest. */
import { onChosen, startFileDrop } from "./file_drop.js";

const form = document.querySelector("[data-who]");
const inputs = [...form.querySelectorAll("input[type=file]")];

function look(input) {
  for (const other of inputs) if (other !== input) other.value = "";
  form.requestSubmit();
}

/** The picture among what was dropped or pasted; what is none is sent, too, and the site says what is wrong with it. */
function take({ files }) {
  const file = [...files].find((one) => one.type.startsWith("image/")) ?? files[0];
  if (!file) return;
  const one = new DataTransfer();
  one.items.add(file);
  inputs[0].files = one.files;
  look(inputs[0]);
}

for (const input of inputs) onChosen(input, () => look(input));
startFileDrop(form.querySelector("[data-drop]"), take);
document.addEventListener("paste", (event) => take(event.clipboardData));
document.body.addEventListener("htmx:afterRequest", () => {
  for (const input of inputs) input.value = ""; // so that the same picture may be chosen again
});
document.body.addEventListener("htmx:afterSwap", () => document.getElementById("found").focus());
