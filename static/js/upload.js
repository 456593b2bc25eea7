/**
 * Sends photos two at a time, each file in a request of its own, so that what has been sent is safe whatever happens to
 * the rest. Without this script the form sends all of them at once.
 */
import { startFileDrop } from "./file_drop.js";
import "./photo_progress.js";

const AT_ONCE = 2;
const CLUTTER = /^(\..*|thumbs\.db|desktop\.ini)$/i; // what operating systems put into folders
const form = document.querySelector("[data-upload]");
const section = document.querySelector("[data-sending]");
const list = section.querySelector("[data-files]");
const added = document.querySelector("[data-added]");
const counts = { all: 0, sent: 0, duplicate: 0, refused: 0 };
const queue = [];
let sending = 0;
let pause = null; // the timer that ends a wait for the site

const withCounts = (words) => words.replace(/\{(\w+)\}/g, (_, name) => counts[name]);

function showCounts() {
  const isOver = counts.sent >= counts.all;
  const words = section.querySelector("[data-sendwords]");
  section.hidden = counts.all === 0;
  words.textContent = withCounts(isOver ? words.dataset.over : words.dataset.going);
  const others = section.querySelector("[data-others]");
  others.textContent = counts.duplicate + counts.refused ? withCounts(others.dataset.words) : "";
  const total = section.querySelector("[data-total]");
  total.max = counts.all || 1;
  total.value = counts.sent;
  section.querySelector("[data-safe]").hidden = isOver;
  section.querySelector("[data-next]").hidden = !(isOver && added.children.length);
}

/** Make the new album, if one was named, before the first file goes into it; resolves to why that failed, or "". */
let albumBeingMade = null;
function makeAlbumOnce() {
  albumBeingMade ??= makeAlbum().catch(() => form.dataset.failed).finally(() => { albumBeingMade = null; });
  return albumBeingMade;
}

async function makeAlbum() {
  const name = form.elements.new_album;
  if (!name.value.trim()) return "";
  const body = new FormData();
  body.set("new_album", name.value);
  if (form.elements.unrecognised.checked) body.set("unrecognised", "1");
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const answer = await fetch(form.dataset.albumUrl, { method: "POST", body, headers: { Accept: "application/json" } });
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
  if (!isJson || answer.status === 401) return failureOf({ status: answer.status, responseURL: answer.url });
  const { album, name: shown, error } = await answer.json();
  if (!album) return error || form.dataset.refused;
  form.elements.album.add(new Option(shown, album, true, true));
  name.value = "";
  return "";
}

function addFiles(files) {
  for (const file of files) {
    if (CLUTTER.test(file.name)) continue;
    counts.all += 1;
    enqueueFile(file);
  }
}

/** Queue a file for the album it was meant for, or else for the one chosen now; it is not sent if that cannot be made. */
async function enqueueFile(file, album) {
  const job = { file, album, row: addRow(file) };
  showCounts();
  if (album === undefined) {
    const why = await makeAlbumOnce();
    if (why) return showBroken(job, why);
    job.album = form.elements.album.value;
  }
  queue.push(job);
  sendNextFiles();
}

function addRow(file) {
  const row = document.getElementById("file-row").content.firstElementChild.cloneNode(true);
  row.querySelector(".filename").textContent = file.name;
  list.append(row);
  return row;
}

function sendNextFiles() {
  while (!pause && sending < AT_ONCE && queue.length) {
    sending += 1;
    sendFile(queue.shift());
  }
}

/** Put a file back, and send nothing until so many seconds have passed; one line says why, and until when. */
function waitWith(job, seconds, why) {
  job.isAgain = true;
  job.row.querySelector("progress").value = 0;
  queue.unshift(job);
  const line = section.querySelector("[data-waiting]");
  const until = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { timeStyle: "short" });
  line.textContent = `${why} ${line.dataset.words.replace("{time}", until)}`;
  line.hidden = false;
  clearTimeout(pause);
  pause = setTimeout(() => {
    pause = null;
    line.hidden = true;
    sendNextFiles();
  }, seconds * 1000);
}

function sendFile(job) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  const bar = job.row.querySelector("progress");
  let read = 0;
  job.wait = null;
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.set("album", job.album);
  if (form.elements.erased?.checked) body.set("erased", "files");
  body.append("photos", job.file, job.file.name);

  const isAnswered = () => request.status === 200 && request.getResponseHeader("Content-Type")?.includes("ndjson");
  const readLines = (isEnd) => {
    const end = isEnd ? request.responseText.length : request.responseText.lastIndexOf("\n") + 1;
    for (const line of request.responseText.slice(read, end).split("\n")) if (line) showResult(job, JSON.parse(line));
    read = Math.max(read, end);
  };
  const finish = () => {
    sending -= 1;
    sendNextFiles();
  };
  request.upload.addEventListener("progress", (event) => {
    bar.max = event.total || 1;
    bar.value = event.loaded;
  });
  request.addEventListener("progress", () => isAnswered() && readLines(false));
  request.addEventListener("load", () => {
    if (isAnswered()) {
      readLines(true);
      if (job.wait) waitWith(job, ...job.wait);
      else if (job.failure) showBroken(job, job.failure);
      else {
        job.row.remove();
        counts.sent += 1;
        showCounts();
      }
    } else if (secondsToWait(request)) waitWith(job, secondsToWait(request), errorIn(request));
    else showBroken(job, request.status === 401 ? form.dataset.signedout : errorIn(request) ?? failureOf(request));
    finish();
  });
  for (const name of ["error", "abort", "timeout"]) {
    request.addEventListener(name, () => {
      showBroken(job, form.dataset.failed);
      finish();
    });
  }
  request.open("POST", form.dataset.file);
  request.setRequestHeader("Accept", "application/json, application/x-ndjson");
  request.send(body);
}

/** For how long the site asks to wait, where it has too much to do or one has sent as much as one may; else 0. */
function secondsToWait(request) {
  const isBusy = [429, 503].includes(request.status) && errorIn(request);
  return isBusy ? Number(request.getResponseHeader("Retry-After")) : 0;
}

/** Why a whole request failed, and what to do about it. */
function failureOf({ status, responseURL }) {
  const words = form.dataset;
  if (status === 200 || status === 401 || status === 403 || responseURL.includes("/login")) return words.signedout;
  return status === 413 || status === 400 ? words.toolarge : words.refused;
}

/** Show what became of one photo: its tile in the grid, or a line that says why there is none. */
function showResult(job, { kind, html, sentence, wait }) {
  if (wait) {
    job.wait = [wait, sentence];
  } else if (kind === "failed") {
    job.failure = sentence;
  } else if (kind === "added") {
    added.insertAdjacentHTML("afterbegin", html);
    document.querySelector("[data-progress]").dataset.left ||= "1";
  } else if (!(job.isAgain && kind === "duplicate")) { // of a ZIP file, the photos that got through the first time
    counts[kind] += 1;
    list.insertAdjacentHTML("beforeend", html);
  }
}

/** Why the site could not take the file, in its own words. */
function errorIn(request) {
  const isJson = request.getResponseHeader("Content-Type")?.startsWith("application/json");
  return isJson ? JSON.parse(request.responseText).error : null;
}

function showBroken(job, words) {
  const button = job.row.querySelector("button");
  job.row.classList.add("broken");
  job.row.querySelector(".filesay").textContent = words;
  job.row.querySelector("progress").hidden = true;
  button.hidden = false;
  button.addEventListener("click", () => {
    job.row.remove();
    enqueueFile(job.file, job.album);
  }, { once: true });
}

/** All files that were dropped, with those inside of folders. */
async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? [] : [...transfer.files];
  while (entries.length) {
    const entry = entries.shift();
    if (entry.isFile) found.push(await new Promise((done, fail) => entry.file(done, fail)));
    else entries.push(...await readFolder(entry.createReader()));
  }
  return found;
}

async function readFolder(reader) {
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    found.push(...some);
  }
}

for (const field of form.querySelectorAll("input[type=file]")) {
  field.addEventListener("change", () => {
    addFiles([...field.files]);
    field.value = "";
  });
}

startFileDrop(form.querySelector("[data-drop]"), async (transfer) => addFiles(await droppedFiles(transfer)));
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (sending || queue.length) event.preventDefault();
});
