/* What the parts share: the controls' values, tabs, and when to draw. */
const DATA = JSON.parse(document.getElementById("data").textContent);
const state = { V: 0.9, angle: 34, polar: 60, azimuth: 300, record: 0, pair: 1 };
const PARTS = { pair, records, axis };

/** Put words, or a number with its full digits beside it, where the page has a place for them. */
function say(id, text) {
  const place = document.getElementById(id);
  delete place.dataset.value;
  if (place.textContent !== text) place.textContent = text;
}

function number(id, value, digits, unit = "") {
  say(id, shown(value, digits) + unit);
  document.getElementById(id).dataset.value = String(value);
}

/** Draw at most once a frame, and only what is seen. */
const waiting = new Map();
function redraw(draw, part) {
  if (waiting.size === 0) {
    requestAnimationFrame(() => {
      const now = [...waiting];
      waiting.clear();
      for (const [each, owner] of now) if (PARTS[shownPart()] === owner) each.call(owner);
    });
  }
  waiting.set(draw, part);
}

/** Change one value, and all that shows it. */
function set(name, value) {
  state[name] = value;
  for (const control of document.querySelectorAll(`[data-control="${name}"]`)) {
    if (control !== document.activeElement || Number(control.value) !== value) control.value = String(value);
    if (control.type === "range")
      control.setAttribute("aria-valuetext", `${control.value}${control.dataset.unit ?? ""}`);
  }
  for (const part of Object.values(PARTS)) part.update();
}

/** A slider and the box beside it show the same value. Incomplete numbers and those out of range change nothing. */
function listen() {
  for (const control of document.querySelectorAll("[data-control]")) {
    control.addEventListener("input", () => {
      if (control.value !== "" && control.validity.valid) set(control.dataset.control, Number(control.value));
    });
    control.addEventListener("change", () => set(control.dataset.control, state[control.dataset.control]));
  }
}

const tabs = [...document.querySelectorAll('[role="tab"]')];
const shownPart = () => tabs.find((tab) => tab.getAttribute("aria-selected") === "true").dataset.part;

function openPart(name) {
  for (const tab of tabs) {
    const chosen = tab.dataset.part === name;
    tab.setAttribute("aria-selected", String(chosen));
    tab.tabIndex = chosen ? 0 : -1;
    document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  redraw(PARTS[name].draw, PARTS[name]);
}

function choose(tab) {
  history.replaceState(null, "", `#${tab.dataset.part}`);
  openPart(tab.dataset.part);
}

tabs.forEach((tab, i) => {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (e) => {
    const last = tabs.length - 1;
    const next = { ArrowRight: i === last ? 0 : i + 1, ArrowLeft: i === 0 ? last : i - 1, Home: 0, End: last }[e.key];
    if (next === undefined) return;
    e.preventDefault();
    choose(tabs[next]);
    tabs[next].focus();
  });
});

for (const part of Object.values(PARTS)) part.start();
listen();
for (const name of Object.keys(state)) set(name, state[name]);
const named = () => (location.hash.slice(1) in PARTS ? location.hash.slice(1) : "pair");
openPart(named());
window.addEventListener("hashchange", () => openPart(named()));
const again = () => redraw(PARTS[shownPart()].draw, PARTS[shownPart()]);
new ResizeObserver(again).observe(document.body);
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
