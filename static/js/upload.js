/**
 * Sends photos two at a time, each file in a request of its own, large ones in parts, so that what has been sent is safe
 * whatever happens to the rest. Where the connection is gone it waits, and goes on by itself. Without this script the
 * form sends all of them at once.
 */
import { onChosen, startFileDrop } from "./file_drop.js";
import "./photo_progress.js";

const AT_ONCE = 2;
const MIN_PART_SIZE = 250_000; // bytes
const MAX_PART_SIZE = 8_000_000;
const MAX_PAUSE_SECONDS = 15;
const CRC_TABLE = Int32Array.from({ length: 256 }, (_, sum) => {
  for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  return sum;
});
const CLUTTER = /^(\.(?!picasa\.ini$).*|thumbs\.db|desktop\.ini)$/i; // what operating systems put into folders
const BESIDE = /\.(mov|mp4|cr2|cr3|nef|arw|dng|orf|rw2|raf|pef)$/i; // what may be kept beside a photo, which goes first
const VIDEO = /\.(mov|mp4)$/i;
const form = document.querySelector("[data-upload]");
const section = document.querySelector("[data-sending]");
const WITH_NAMES = /\.(xmp|json)$|^(\.?picasa\.ini|contacts\.xml)$/i; // files with names of who is in the photos beside them
const list = section.querySelector("[data-files]");
const added = document.querySelector("[data-added]");
const counts = { all: 0, sent: 0, duplicate: 0, refused: 0, names: 0 };
const queue = [];
let sending = 0;
let pause = null; // the timer that ends a wait for the site
let cuts = 0; // of the connection, since anything was answered
let partSize = 1_000_000; // larger files are sent in parts of so many bytes, which a second or two should bring over

/** Why a file could not be sent; where seconds are given, it is tried again after them. */
class Trouble extends Error {
  constructor(words, seconds = 0) {
    super(words);
    this.seconds = seconds;
  }
}

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
  albumBeingMade ??= makeAlbumWhenConnected().finally(() => { albumBeingMade = null; });
  return albumBeingMade;
}

async function makeAlbumWhenConnected() {
  for (;;) {
    try {
      return await makeAlbum();
    } catch { // the connection is gone
      const trouble = lostConnection();
      wait(trouble);
      await new Promise((done) => { setTimeout(done, trouble.seconds * 1000); });
    }
  }
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
  const rank = ({ name }) => BESIDE.test(name) + VIDEO.test(name) + 3 * WITH_NAMES.test(name);
  const inOrder = [...files].sort((a, b) => rank(a) - rank(b));
  for (const file of inOrder) {
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
  const mayGo = ({ file }) => !sending || !(VIDEO.test(file.name) || WITH_NAMES.test(file.name));
  while (!pause && sending < AT_ONCE && queue.length && mayGo(queue[0])) {
    sending += 1;
    sendFile(queue.shift());
  }
}

/** Send nothing until so many seconds have passed; one line says why, and until when. */
function wait({ seconds, message }) {
  const line = section.querySelector("[data-waiting]");
  const until = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { timeStyle: "medium" });
  line.textContent = `${message} ${line.dataset.words.replace("{time}", until)}`;
  line.hidden = false;
  clearTimeout(pause);
  pause = setTimeout(goOn, seconds * 1000);
}

function goOn() {
  clearTimeout(pause);
  pause = null;
  section.querySelector("[data-waiting]").hidden = true;
  sendNextFiles();
}

async function sendFile(job) {
  job.wait = job.failure = null;
  job.row.querySelector("progress").value = 0;
  try {
    await sendWhole(job, job.file.size > partSize ? { upload: await sendParts(job) } : { photos: job.file });
    job.row.remove();
    counts.sent += 1;
    showCounts();
  } catch (trouble) {
    if (!(trouble instanceof Trouble)) throw trouble;
    if (trouble.seconds) {
      job.isAgain = true;
      queue.unshift(job);
      wait(trouble);
    } else showBroken(job, trouble.message);
  }
  sending -= 1;
  sendNextFiles();
}

/** Send a large file from where it has come to, also on an earlier visit; resolves to its id. */
async function sendParts(job) {
  const { name, size, lastModified } = job.file;
  const { upload, arrived } = await postForJson(job, form.dataset.begin, { name, size, modified: lastModified });
  let offset = arrived;
  while (offset < size) {
    const part = job.file.slice(offset, offset + partSize);
    const content = await part.arrayBuffer().catch(() => { throw new Trouble(form.dataset.unreadable); });
    const fields = { upload, offset, checksum: crc32(new Uint8Array(content)), part };
    offset = (await postForJson(job, form.dataset.part, fields, offset)).arrived;
  }
  return upload;
}

async function sendWhole(job, fields) {
  const more = form.elements.erased?.checked ? { erased: "files" } : {};
  let read = 0;
  const readLines = (request, isEnd) => {
    const end = isEnd ? request.responseText.length : request.responseText.lastIndexOf("\n") + 1;
    for (const line of request.responseText.slice(read, end).split("\n")) if (line) showResult(job, JSON.parse(line));
    read = Math.max(read, end);
  };
  const request = await post(job, form.dataset.file, { album: job.album, ...more, ...fields }, 0, readLines);
  if (!isAnswered(request)) throw troubleOf(request);
  readLines(request, true);
  if (job.wait) throw new Trouble(...job.wait);
  if (job.failure) throw new Trouble(job.failure);
}

/** What a request about a part was answered; where the site has another part, from there it goes on. */
async function postForJson(job, address, fields, offset = 0) {
  const request = await post(job, address, fields, offset);
  const answer = isJson(request) ? JSON.parse(request.responseText) : {};
  if (request.status === 200 && isJson(request)) return answer;
  if (request.status === 409 && (job.conflicts = (job.conflicts ?? 0) + 1) < 10) return answer;
  if (request.status === 410) throw new Trouble(answer.error, 1); // which begins anew
  throw troubleOf(request);
}

/** Send fields and await the answer, whatever its status. */
function post(job, address, fields, offset, onLines = () => {}) {
  const request = new XMLHttpRequest();
  const body = new FormData();
  const bar = job.row.querySelector("progress");
  body.set("csrfmiddlewaretoken", form.elements.csrfmiddlewaretoken.value);
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) body.set(name, value, job.file.name);
    else body.set(name, value);
  }
  request.upload.addEventListener("progress", (event) => {
    bar.max = job.file.size || 1;
    if (fields.photos || fields.part) bar.value = offset + event.loaded;
  });
  request.addEventListener("progress", () => isAnswered(request) && onLines(request, false));
  const startedAt = Date.now();
  request.open("POST", address);
  request.setRequestHeader("Accept", "application/json, application/x-ndjson");
  request.send(body);
  return new Promise((answer, fail) => {
    request.addEventListener("load", () => {
      const milliseconds = Date.now() - startedAt;
      cuts = 0;
      if (fields.part && milliseconds < 1000) partSize = Math.min(partSize * 2, MAX_PART_SIZE);
      if (fields.part && milliseconds > 3000) partSize = Math.max(partSize / 2, MIN_PART_SIZE);
      answer(request);
    });
    for (const name of ["error", "abort", "timeout"]) {
      request.addEventListener(name, () => whyBroken(job).then(fail));
    }
  });
}

/** The connection is gone, or the file is: it may have been moved since it was chosen. */
async function whyBroken(job) {
  try {
    await job.file.slice(0, 1).arrayBuffer();
  } catch {
    return new Trouble(form.dataset.unreadable);
  }
  return lostConnection();
}

function lostConnection() {
  if (!pause) cuts += 1;
  partSize = Math.max(partSize / 2, MIN_PART_SIZE);
  return new Trouble(form.dataset.lost, Math.min(2 ** cuts, MAX_PAUSE_SECONDS));
}

const isAnswered = (request) =>
  request.status === 200 && request.getResponseHeader("Content-Type")?.includes("ndjson");
const isJson = (request) => request.getResponseHeader("Content-Type")?.startsWith("application/json");

/** Why a request was refused, and for how long the site asks to wait where it has too much to do. */
function troubleOf(request) {
  const error = isJson(request) ? JSON.parse(request.responseText).error : null;
  const isBusy = [429, 503].includes(request.status) && error;
  const seconds = isBusy ? Number(request.getResponseHeader("Retry-After")) : 0;
  return new Trouble(request.status === 401 ? form.dataset.signedout : error ?? failureOf(request), seconds);
}

/** Why a whole request failed, and what to do about it. */
function failureOf({ status, responseURL }) {
  const words = form.dataset;
  if (status === 200 || status === 401 || status === 403 || responseURL.includes("/login")) return words.signedout;
  return status === 413 || status === 400 ? words.toolarge : words.refused;
}

function crc32(bytes) {
  let sum = -1;
  for (const byte of bytes) sum = CRC_TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return (sum ^ -1) >>> 0;
}

/** Show what became of one photo: its tile in the grid, or a line that says why there is none. */
function showResult(job, { kind, html, sentence, wait }) {
  if (wait) {
    job.wait = [sentence, wait];
  } else if (kind === "failed") {
    job.failure = sentence;
  } else if (kind === "added") {
    added.insertAdjacentHTML("afterbegin", html);
    document.querySelector("[data-progress]").dataset.left ||= "1";
  } else if (!(job.isAgain && kind === "duplicate")) { // of a ZIP file, the photos that got through the first time
    if (kind in counts) counts[kind] += 1;
    list.insertAdjacentHTML("beforeend", html);
  }
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
  onChosen(field, () => {
    addFiles([...field.files]);
    field.value = "";
  });
}

/** What the system's share sheet has sent: the service worker keeps it until here. */
async function takeShared() {
  const cache = await caches.open("shared");
  const files = [];
  for (const request of await cache.keys()) {
    const answer = await cache.match(request);
    const blob = await answer.blob();
    files.push(new File([blob], decodeURIComponent(answer.headers.get("X-Name")), { type: blob.type }));
    await cache.delete(request);
  }
  history.replaceState(history.state, "", location.pathname);
  addFiles(files);
}

if (new URLSearchParams(location.search).has("shared")) takeShared();
startFileDrop(form.querySelector("[data-drop]"), async (transfer) => addFiles(await droppedFiles(transfer)));
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("online", goOn);
window.addEventListener("beforeunload", (event) => {
  if (sending || queue.length) event.preventDefault();
});
