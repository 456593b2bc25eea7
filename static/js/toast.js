/**
 * Short messages at the bottom of the page. The server sends them with the page, or with an answer to htmx as the event
 * `toast`: HX-Trigger: {"toast": {"text": "...", "undo": "/address/to/post/to", "tags": "error"}}.
 */
import { tellFailure } from "./failure.js";
import { request } from "./request.js";

const SECONDS = 8;
const SECONDS_WITH_UNDO = 20;

export function startToasts() {
  const place = document.getElementById("toasts");
  for (const toast of place.querySelectorAll("[data-toast]")) startToast(toast);
  document.body.addEventListener("toast", (event) => showToast(event.detail));
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.body.addEventListener(name, ({ detail }) => {
      if (!isByTimer(detail)) tellFailure(detail.xhr);
    });
  }
}

/** Whether a part of the page asked by itself, which it will do again. */
function isByTimer({ elt }) {
  return elt?.matches("[data-by-timer]") || /^(every|poll|look)\b/.test(elt?.getAttribute("hx-trigger") ?? "");
}

export function showToast({ text, undo = "", tags = "" }) {
  const place = document.getElementById("toasts");
  const toast = document.createElement("div");
  toast.className = `toast ${tags}`;
  const words = document.createElement("p");
  words.textContent = text;
  toast.append(words);
  if (undo) toast.append(makeUndoButton(undo, place.dataset.undo));
  toast.append(makeCloseButton(place.dataset.close));
  const dialog = document.querySelector("dialog[open]"); // which covers the rest of the page
  if (dialog) toast.setAttribute("role", "alert");
  (dialog ?? place).append(toast);
  while (place.children.length > 3) place.firstElementChild.remove();
  startToast(toast);
}

function makeUndoButton(address, label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "linkbutton";
  button.textContent = label;
  let isSending = false;
  button.addEventListener("click", async () => {
    if (isSending) return;
    isSending = true;
    button.setAttribute("aria-busy", "true");
    const isDone = await request("POST", address, { swap: "none" });
    isSending = false;
    button.removeAttribute("aria-busy");
    if (!isDone) return; // the message stays, so that one can try again
    button.closest(".toast")?.remove();
    document.body.dispatchEvent(new Event("undone"));
  });
  return button;
}

function makeCloseButton(label) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "iconbutton";
  button.dataset.toastClose = "";
  button.setAttribute("aria-label", label);
  button.textContent = "×";
  return button;
}

/** A message goes away by itself, unless it is pointed at, has the focus, or tells of a failure. */
function startToast(toast) {
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
