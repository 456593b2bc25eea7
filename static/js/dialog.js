/** Links with data-dialog open their page in a dialog; without this script they lead to it. */
import { tellFailure } from "./failure.js";
import { startTypeahead } from "./typeahead.js";

const dialog = document.createElement("dialog");
dialog.id = "dialog";
document.body.append(dialog);
startTypeahead(dialog);

/** Show what the server answers: a form, or the address of the page to go to. */
async function showAnswer(request) {
  request.headers.set("HX-Request", "true");
  const answer = await fetch(request).catch(() => null);
  if (!answer?.ok) return tellFailure(answer);
  const onward = answer.headers.get("HX-Redirect");
  if (onward) return location.assign(onward);
  const text = await answer.text();
  const part = answer.headers.get("HX-Reselect"); // of a page that asks something in place of the act
  const page = part && new DOMParser().parseFromString(text, "text/html");
  dialog.innerHTML = page ? page.querySelector(part).innerHTML : text;
  const title = dialog.querySelector("h1, h2");
  if (title) {
    title.id = "dialog-title";
    dialog.setAttribute("aria-labelledby", title.id);
  }
  window.htmx.process(dialog);
  if (!dialog.open) dialog.showModal();
  return dialog.querySelector("[autofocus], input:not([type=hidden]), button.primary")?.focus();
}

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest("a[data-dialog]");
  if (link) {
    event.preventDefault();
    link.closest("details[open]")?.removeAttribute("open");
    showAnswer(new Request(link.href));
  } else if (dialog.open && event.target.closest("[data-dialog-close]")) {
    event.preventDefault();
    dialog.close();
  }
});

dialog.addEventListener("submit", (event) => {
  const form = event.target;
  event.preventDefault();
  const values = new URLSearchParams(new FormData(form, event.submitter));
  if (form.method === "get") showAnswer(new Request(`${form.action}?${values}`));
  else showAnswer(new Request(form.action, { method: "POST", body: values }));
});
