/**
 * Short messages at the bottom. The server sends them with the page, or with an htmx answer as the event
 * `toast`: HX-Trigger: {"toast": {"text": "...", "undo": "/address/to/post/to", "tags": "error"}}.
 */
import { request } from "./request.js";

const SECONDS = 8;
const SECONDS_WITH_UNDO = 20;

export function startToasts() {
  const place = document.getElementById("toasts");
  for (const toast of place.querySelectorAll("[data-toast]")) watch(toast);
  document.body.addEventListener("toast", (event) => showToast(event.detail));
  const tellFailure = (sentence) => {
    showToast({ text: sentence ? decodeURIComponent(sentence) : place.dataset.failed, tags: "error" });
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.body.addEventListener(name, (event) => tellFailure(event.detail.xhr?.getResponseHeader("X-Sentence")));
  }
  document.body.addEventListener("request-failed", (event) => tellFailure(event.detail.sentence));
}

export function showToast({ text, undo = "", tags = "" }) {
  const place = document.getElementById("toasts");
  const toast = document.createElement("div");
  toast.className = `toast ${tags}`;
  const words = document.createElement("p");
  words.textContent = text;
  toast.append(words);
  if (undo) toast.append(undoButton(undo, place.dataset.undo));
  toast.append(closeButton(place.dataset.close));
  place.append(toast);
  while (place.children.length > 3) place.firstElementChild.remove();
  watch(toast);
}

function undoButton(address, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "linkbutton";
  button.textContent = label;
  let isAsked = false;
  button.addEventListener("click", async () => {
    if (isAsked) return;
    isAsked = true;
    button.setAttribute("aria-busy", "true");
    const isDone = await request("POST", address, { swap: "none" });
    isAsked = false;
    button.removeAttribute("aria-busy");
    if (!isDone) return; // the message stays, to try it once more
    button.closest(".toast")?.remove();
    document.body.dispatchEvent(new Event("undone"));
  });
  return button;
}

function closeButton(label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "iconbutton";
  button.dataset.toastClose = "";
  button.setAttribute("aria-label", label);
  button.textContent = "×";
  return button;
}

/** A message goes by itself, unless it is pointed at, holds the focus, or tells of a failure. */
function watch(toast) {
  toast.querySelector("[data-toast-close]").addEventListener("click", () => toast.remove());
  if (toast.classList.contains("error")) return;
  const seconds = toast.querySelector(".linkbutton") ? SECONDS_WITH_UNDO : SECONDS;
  let timer = 0;
  const start = () => { timer = setTimeout(() => toast.remove(), seconds * 1000); };
  const stop = () => clearTimeout(timer);
  toast.addEventListener("pointerenter", stop);
  toast.addEventListener("pointerleave", start);
  toast.addEventListener("focusin", stop);
  toast.addEventListener("focusout", start);
  start();
}
