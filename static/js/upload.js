/**
 * Sending photos: two at a time, each file a request of its own, so that what is sent is safe whatever happens
 * to the rest. Without this script the form sends all of them at once.
 */
import "./photo_progress.js";

const AT_ONCE = 2;
const CLUTTER = /^(\..*|thumbs\.db|desktop\.ini)$/i; // what systems put into folders by themselves
const form = document.querySelector("[data-upload]");
const section = document.querySelector("[data-sending]");
const list = section.querySelector("[data-files]");
const added = document.querySelector("[data-added]");
const counts = { all: 0, sent: 0, duplicate: 0, refused: 0 };
const queue = [];
let sending = 0;

const filled = (words) => words.replace(/\{(\w+)\}/g, (_, name) => counts[name]);

function tell() {
  const isOver = counts.sent >= counts.all;
  const words = section.querySelector("[data-sendwords]");
  section.hidden = counts.all === 0;
  words.textContent = filled(isOver ? words.dataset.over : words.dataset.going);
  const others = section.querySelector("[data-others]");
  others.textContent = counts.duplicate + counts.refused ? filled(others.dataset.words) : "";
  const total = section.querySelector("[data-total]");
  total.max = counts.all || 1;
  total.value = counts.sent;
  section.querySelector("[data-safe]").hidden = isOver;
  section.querySelector("[data-next]").hidden = !(isOver && added.children.length);
}

/** Make the new album, if one was named, before the first file goes into it. Fulfilled with why not, or nothing. */
let settling = null;
function settleAlbum() {
  settling ??= newAlbum().catch(() => form.dataset.failed).finally(() => { settling = null; });
  return settling;
}

async function newAlbum() {
  const name = form.elements.new_album;
  if (!name.value.trim()) return "";
  const body = new FormData();
  body.set("new_album", name.value);
  if (form.elements.unrecognised.checked) body.set("unrecognised", "1");
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  const answer = await fetch(form.dataset.albumUrl, { method: "POST", body, headers: { Accept: "application/json" } });
  const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
  if (!isJson) return whyNot({ status: answer.status, responseURL: answer.url });
  const { album, name: shown, error } = await answer.json();
  if (!album) return error || form.dataset.refused;
  form.elements.album.add(new Option(shown, album, true, true));
  name.value = "";
  return "";
}

async function take(files) {
  const wanted = [...files].filter((file) => !CLUTTER.test(file.name));
  if (!wanted.length) return;
  for (const file of wanted) {
    counts.all += 1;
    line(file);
  }
}

/** Into the queue, for the album it was for or that is chosen now; where that cannot be made nothing is sent. */
async function line(file, album) {
  const job = { file, album, row: newRow(file) };
  tell();
  if (album === undefined) {
    const why = await settleAlbum();
    if (why) return broken(job, why);
    job.album = form.elements.album.value;
  }
  queue.push(job);
  pump();
}

function newRow(file) {
  const row = document.getElementById("file-row").content.firstElementChild.cloneNode(true);
  row.querySelector(".filename").textContent = file.name;
  list.append(row);
  return row;
}

function pump() {
  while (sending < AT_ONCE && queue.length) {
    sending += 1;
    send(queue.shift());
  }
}

function send(job) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  const bar = job.row.querySelector("progress");
  let read = 0;
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  body.set("album", job.album);
  body.append("photos", job.file, job.file.name);

  const isAnswered = () => request.status === 200 && request.getResponseHeader("Content-Type")?.includes("ndjson");
  const readLines = (isEnd) => {
    const end = isEnd ? request.responseText.length : request.responseText.lastIndexOf("\n") + 1;
    for (const line of request.responseText.slice(read, end).split("\n")) if (line) show(job, JSON.parse(line));
    read = Math.max(read, end);
  };
  const over = () => {
    sending -= 1;
    pump();
  };
  request.upload.addEventListener("progress", (event) => {
    bar.max = event.total || 1;
    bar.value = event.loaded;
  });
  request.addEventListener("progress", () => isAnswered() && readLines(false));
  request.addEventListener("load", () => {
    if (isAnswered()) {
      readLines(true);
      if (job.trouble) broken(job, job.trouble);
      else {
        job.row.remove();
        counts.sent += 1;
        tell();
      }
    } else broken(job, said(request) ?? whyNot(request));
    over();
  });
  for (const name of ["error", "abort", "timeout"]) {
    request.addEventListener(name, () => {
      broken(job, form.dataset.failed);
      over();
    });
  }
  request.open("POST", form.dataset.file);
  request.setRequestHeader("Accept", "application/json, application/x-ndjson");
  request.send(body);
}

/** What went wrong with a whole request, and what to do. */
function whyNot({ status, responseURL }) {
  const words = form.dataset;
  if (status === 200 || status === 401 || status === 403 || responseURL.includes("/login")) return words.signedout;
  return status === 413 || status === 400 ? words.toolarge : words.refused;
}

/** What became of one photo: a tile in the grid, or a line that says why not. */
function show(job, { kind, html, sentence }) {
  if (kind === "failed") {
    job.trouble = sentence;
  } else if (kind === "added") {
    added.insertAdjacentHTML("afterbegin", html);
    document.querySelector("[data-progress]").dataset.left ||= "1";
  } else {
    counts[kind] += 1;
    list.insertAdjacentHTML("beforeend", html);
  }
}

/** Why the site could not take the file, in its own words. */
function said(request) {
  const isJson = request.getResponseHeader("Content-Type")?.startsWith("application/json");
  return isJson ? JSON.parse(request.responseText).error : null;
}

function broken(job, words) {
  const button = job.row.querySelector("button");
  job.row.classList.add("broken");
  job.row.querySelector(".filesay").textContent = words;
  job.row.querySelector("progress").hidden = true;
  button.hidden = false;
  button.addEventListener("click", () => {
    job.row.remove();
    line(job.file, job.album);
  }, { once: true });
}

/** All files below what was dropped, folders walked through. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const found = entries.length ? [] : [...transfer.files];
  while (entries.length) {
    const entry = entries.shift();
    if (entry.isFile) found.push(await new Promise((done, fail) => entry.file(done, fail)));
    else entries.push(...await children(entry.createReader()));
  }
  return found;
}

async function children(reader) {
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) return found;
    found.push(...some);
  }
}

for (const field of form.querySelectorAll("input[type=file]")) {
  field.addEventListener("change", () => {
    take([...field.files]);
    field.value = "";
  });
}

const drop = form.querySelector("[data-drop]");
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
}
document.addEventListener("dragleave", (event) => event.relatedTarget ?? drop.classList.remove("is-over"));
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  take(await dropped(event.dataTransfer));
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("beforeunload", (event) => {
  if (sending || queue.length) event.preventDefault();
});
