/** Chips of the search page: unticking one shows the photos without that condition at once. */
const form = document.querySelector("[data-wish]");
form?.addEventListener("change", (event) => {
  if (event.target.matches("input[type=checkbox]")) form.requestSubmit();
});
