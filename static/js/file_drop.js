/** Call `take` when files are chosen in this field, and at once where that was done before the script was there. */
export function onChosen(field, take) {
  const takeIfAny = () => field.files.length && take();
  field.addEventListener("change", takeIfAny);
  takeIfAny();
}

/**
 * Files that are dragged onto the page, wherever on it: `area` is marked while they are over the page, and
 * `take(transfer)` gets what was dropped.
 */
export function startFileDrop(area, take) {
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      event.preventDefault();
      area.classList.add("is-over");
    });
  }
  document.addEventListener("dragleave", (event) => event.relatedTarget ?? area.classList.remove("is-over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("is-over");
    take(event.dataTransfer);
  });
}
