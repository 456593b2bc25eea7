/** The photo's page: choosing faces, one key an act, arrows from face to face. */
import { onKeys } from "./keys.js";
import { startDrawing } from "./box_drawing.js";
import { startPeeking } from "./face_preview.js";
import { request } from "./request.js";
import { startTypeahead } from "./typeahead.js";

const viewer = document.querySelector("[data-viewer]");
const panel = document.getElementById("panel");
const NAMES = "facesite.names";
const LATER = 3000; // milliseconds

const boxes = () => [...viewer.querySelectorAll("a.box")];
const chosenId = () => panel.querySelector("[data-chosen]")?.dataset.chosen;

let shown = chosenId(); // the face whose panel was drawn last
let wanted = ""; // the address of the panel asked for last; empty once it was closed
let isComing = false; // a panel was asked for and is not here: what is pressed now is meant for it
let asked = 0; // how many panels were asked for
let isAsking = false; // one of them is on its way
let waiting = []; // the keys pressed meanwhile
let choice = 0; // how many times a face was chosen, or let go of
let acts = []; // for each act on its way, the choice it was made in
let focuses = ""; // whether the panel that comes takes the focus: "always", also in its name field, "never", or where
// another face's was

/** Show the panel of a face; the address follows, so that reloading and sharing keep it. */
function choose(link) {
  return show(link, "always");
}

/** The same for a face that is pointed at or tabbed to: the focus stays where it is. */
function peek(link) {
  return show(link, "never");
}

function show(link, focus) {
  choice += 1;
  mark(link.dataset.face);
  history.replaceState(null, "", link.getAttribute("href"));
  return ask(link.dataset.panelUrl, focus);
}

/** One panel at a time is fetched; of those asked for meanwhile, as by a key that is held, only the last. */
async function ask(address, focus = "") {
  wanted = address;
  focuses = focus;
  isComing = panel.inert = true;
  asked += 1;
  if (isAsking) return;
  isAsking = true;
  let mine;
  do {
    mine = asked;
    await request("GET", wanted, { target: "#panel" });
  } while (mine !== asked && wanted);
  isAsking = false;
  settled();
}

/** This page's address, with a face or without; it keeps where one came from. */
function addressOf(face) {
  const query = new URLSearchParams();
  if (face) query.set("face", face);
  if (viewer.dataset.in) query.set("in", viewer.dataset.in);
  return query.size ? `${location.pathname}?${query}` : location.pathname;
}

/** The panel is here: on to the face tabbed to meanwhile, then press what was pressed. Or it will not come. */
function settled() {
  isComing = panel.inert = false;
  focuses = "";
  const tabbed = document.activeElement?.closest("a.box:focus-visible");
  if (tabbed && tabbed.dataset.face !== chosenId() && tabbed.dataset.panelUrl !== wanted) return void peek(tabbed);
  const keys = waiting;
  waiting = [];
  const links = [...viewer.querySelectorAll("[data-panel-url]")]; // boxes, and the lines of faces without one
  if (wanted && !links.some((link) => link.dataset.panelUrl === wanted && link.dataset.face === chosenId())) {
    wanted = ""; // what was pressed was meant for another face than the one that is shown
    mark(chosenId() ?? "");
    history.replaceState(null, "", addressOf(chosenId()));
  } else if (keys.length) pressLate(keys);
}

const withKey = (key) => [...document.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key.toLowerCase() && !one.disabled);

/** What was pressed before the panel was here: the last key; or, where one led to the name field, the name typed after it. */
function pressLate(keys) {
  const first = keys.findIndex((key) => withKey(key)?.matches("input"));
  if (first < 0) return void press(keys.at(-1));
  const field = withKey(keys[first]);
  field.focus();
  field.value = keys.slice(first + 1).join("");
  return void field.dispatchEvent(new Event("input", { bubbles: true }));
}

function mark(id) {
  for (const box of boxes()) box.classList.toggle("is-chosen", box.dataset.face === id);
  for (const name of viewer.querySelectorAll("[data-name]")) name.classList.toggle("is-chosen", name.dataset.name === id);
  for (const line of viewer.querySelectorAll(".faceline")) {
    if (line.dataset.face === id) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
}

/** On a phone the panel covers the lower part of the screen: bring the chosen face above it. */
function uncover(id) {
  const box = boxes().find((one) => one.dataset.face === id);
  if (!box || getComputedStyle(panel).position !== "fixed") return;
  const free = innerHeight - panel.getBoundingClientRect().height;
  const { top, height } = box.getBoundingClientRect();
  scrollBy({ top: top + height / 2 - free * 0.55, behavior: "smooth" });
}

function close() {
  if (!chosenId()) return false;
  const box = boxes().find((one) => one.dataset.face === chosenId());
  panel.replaceChildren();
  choice += 1;
  shown = wanted = "";
  mark("");
  history.replaceState(null, "", addressOf(""));
  const shownAgain = stopPeeking();
  box?.focus();
  shownAgain();
  return true;
}

function step(by) {
  const all = boxes();
  if (!all.length) return false;
  const here = all.findIndex((box) => box.dataset.face === chosenId());
  const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : (here + by + all.length) % all.length;
  choose(all[next]);
  return true;
}

function press(key) {
  if (acts.includes(choice)) return true; // what comes next is another face: no key is for it yet
  if (isComing) {
    waiting.push(key);
    return true;
  }
  const target = withKey(key);
  if (!target) return false;
  if (target.matches("input")) target.focus();
  else target.click();
  return true;
}

viewer.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-face]");
  if (link && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    show(link, event.detail ? "name" : "always"); // who clicks on somebody unknown goes on to type the name
  } else if (event.target.closest("[data-close]")) {
    event.preventDefault();
    close();
  }
});

onKeys((key, event) => {
  if (viewer.classList.contains("is-drawing")) return false;
  if (key === "ArrowRight") return step(1);
  if (key === "ArrowLeft") return step(-1);
  if (key === "Escape") return close();
  return key.length === 1 && press(event.key);
});

/** An answer that comes after the panel was closed, or another face chosen, is not shown; boxes and list follow it. */
document.body.addEventListener("htmx:beforeSwap", (event) => {
  const { target, requestConfig, xhr } = event.detail;
  if (target !== panel) return;
  if (requestConfig.verb === "get" && requestConfig.path !== wanted) event.detail.shouldSwap = false;
  if (sent.has(xhr) && sent.get(xhr) !== choice) event.detail.swapOverride = "none";
});

/** An act outlives its panel, which another face may have taken by the time of the answer. */
panel.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-say]");
  if (!form) return;
  event.preventDefault();
  if (acts.includes(choice)) return;
  const values = Object.fromEntries(new FormData(form, event.submitter));
  request("POST", form.getAttribute("action"), { target: "#panel", values });
});

/** While an act on the face that is shown is on its way, its panel can neither be clicked nor take a key. */
const sent = new WeakMap();
const isAct = ({ target, requestConfig }) => target === panel && requestConfig.verb === "post";
document.body.addEventListener("htmx:beforeRequest", ({ detail }) => {
  if (!isAct(detail)) return;
  sent.set(detail.xhr, choice);
  acts.push(choice);
  panel.inert = true;
});
document.body.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!isAct(detail) || !sent.has(detail.xhr)) return;
  acts.splice(acts.indexOf(sent.get(detail.xhr)), 1);
  panel.inert = isComing || acts.includes(choice);
});

document.body.addEventListener("htmx:afterSwap", (event) => {
  const { target, xhr } = event.detail;
  if (target !== panel || (sent.has(xhr) && sent.get(xhr) !== choice)) return;
  panel.inert = false;
  const id = chosenId();
  if (!id) return;
  mark(id);
  history.replaceState(null, "", addressOf(id));
  const isSame = id === shown;
  shown = id;
  if (focuses === "never") return;
  const wish = sent.has(xhr) ? "" : focuses;
  if (isSame && !["always", "name"].includes(wish) && document.activeElement !== document.body) return;
  if (!isSame) panel.scrollTop = 0;
  const field = wish === "name" ? "[data-first], [data-asks]" : "[data-first]"; // or where nobody knows the keys yet
  const first = matchMedia("(hover: hover)").matches && panel.querySelector(field);
  (first || panel.querySelector(".facepanel")).focus({ preventScroll: true });
  uncover(id);
});
document.body.addEventListener("htmx:oobAfterSwap", () => mark(chosenId() ?? ""));

/** Ask for the boxes and the list again, and for the panel too while nobody is typing in it. */
function refresh() {
  request("GET", viewer.dataset.state, { swap: "none" });
  const box = boxes().find((one) => one.dataset.face === chosenId());
  const isTouched = panel.contains(document.activeElement) && document.activeElement.matches("input");
  if (!box || isTouched || acts.includes(choice)) return;
  ask(box.dataset.panelUrl);
}

/** After an undo the worker looks at the face again: see what came of it, now and a little later. */
let later = 0;
document.body.addEventListener("undone", () => {
  refresh();
  clearTimeout(later);
  later = setTimeout(refresh, LATER);
});
addEventListener("pagehide", () => clearTimeout(later));

const names = viewer.querySelector("[data-names]");
function showNames(areShown) {
  viewer.classList.toggle("names-off", !areShown);
  names.setAttribute("aria-pressed", String(areShown));
}
names.addEventListener("click", () => {
  const areShown = viewer.classList.contains("names-off");
  localStorage.setItem(NAMES, areShown ? "on" : "off");
  showNames(areShown);
});
showNames(localStorage.getItem(NAMES) !== "off");

startTypeahead(panel);
const stopPeeking = startPeeking(viewer, (box) => {
  const isTyping = panel.contains(document.activeElement) && document.activeElement.matches("input");
  if (!isTyping && !isComing && box.dataset.face !== chosenId()) peek(box);
});
startDrawing(viewer);
