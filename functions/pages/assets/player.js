// A call's page: audio, timeline and transcript in step; find, follow, speed, keys. The page reads well without it.

const $ = (selector) => document.querySelector(selector);
const audio = $(".player audio");
const bar = $(".seek-bar");
const follow = $("#follow");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let turns, starts, silences, current;
read();
let sought = current !== null; // the first mark was set by the server: keep it until the audio moves

// Where we are

function secondsOf(link) {
  return Number(new URL(link.getAttribute("href"), location.href).searchParams.get("t"));
}

// What is on the page: all turns, or those of one part of a very long call.
function read() {
  turns = [...document.querySelectorAll(".turn")];
  starts = turns.map((turn) => secondsOf(turn.querySelector("a.seek")));
  silences = [...document.querySelectorAll(".silence")].map(({ dataset }) => [dataset.until - dataset.for, Number(dataset.until)]);
  current = $(".turn[aria-current]");
}

function clock(seconds) {
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  return h ? `${h}:${String(m).padStart(2, "0")}:${String(s).padStart(2, "0")}` : `${m}:${String(s).padStart(2, "0")}`;
}

const playable = () => audio && !audio.hidden && !audio.error;
const position = () => (playable() ? audio.currentTime : Number(bar?.value ?? 0));

// The last turn that has begun; null before the first.
function turnAt(seconds) {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= seconds + 0.01) low = middle + 1;
    else high = middle;
  }
  return turns[low - 1] ?? null;
}

function mark(turn) {
  if (turn === current) return false;
  current?.removeAttribute("aria-current");
  turn?.setAttribute("aria-current", "true");
  current = turn;
  return true;
}

function show(turn) {
  turn?.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });
}

function point(seconds) {
  if (!bar) return;
  bar.value = seconds;
  const speaker = turnAt(seconds)?.querySelector(".voice").textContent;
  bar.setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(Number(bar.max))}${speaker ? `, ${speaker}` : ""}`);
}

function seek(seconds) {
  sought = false;
  if (playable()) audio.currentTime = Math.max(0, seconds);
  point(seconds);
}

// The part in which a moment is, if it is another one than is on the page.
function otherPart(seconds) {
  const part = [...document.querySelectorAll(".parts a")].filter((link) => secondsOf(link) <= seconds).pop();
  return part && !part.hasAttribute("aria-current") ? part : null;
}

let loading = false;
async function load(href) {
  if (loading) return;
  loading = true;
  try {
    const answer = await fetch(href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of [".turns", ".parts"]) $(part).replaceWith(document.importNode(page.querySelector(part), true));
    read();
    mark(turnAt(position()));
    show(current);
  } catch {
    location.assign(href);
  } finally {
    loading = false;
  }
}

function keepStep() {
  if (sought && audio.currentTime === 0) return;
  point(audio.currentTime);
  const part = follow?.checked ? otherPart(audio.currentTime) : null;
  if (part) return load(part.href);
  if (mark(turnAt(audio.currentTime)) && !audio.paused && follow?.checked) show(current);
}

function goTo(turn) {
  if (!turn) return;
  seek(starts[turns.indexOf(turn)]);
  mark(turn);
  show(turn);
}

// Another turn of some kind: the first behind where we are, or the last before.
function step(kind, back) {
  const found = turns.filter(kind);
  const here = current ? turns.indexOf(current) : -1;
  goTo(back ? found.filter((turn) => turns.indexOf(turn) < here).pop() : found.find((turn) => turns.indexOf(turn) > here));
}

const having = (selector) => (turn) => turn.querySelector(selector);

function address(seconds, turn) {
  const here = new URL(location.href);
  here.searchParams.set("t", String(Math.round(seconds * 1000) / 1000));
  here.hash = turn?.id ?? "";
  return here.href;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.seek, a.mark, a.found");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || (audio && !playable())) return;
  const turn = document.getElementById(link.getAttribute("href").split("#")[1]);
  if (!turn && !otherPart(secondsOf(link))) return; // it is behind a lens: without it the page has it
  event.preventDefault();
  seek(secondsOf(link));
  if (!link.matches(".found")) audio?.play().catch(() => {}); // a browser that does not let it play has still moved
  history.replaceState(null, "", address(secondsOf(link), turn));
  if (!turn) return load(otherPart(secondsOf(link)).href);
  mark(turn);
  if (!link.closest(".turn")) show(turn);
});

// The audio, and what is done to it

if (audio) {
  for (const event of ["timeupdate", "seeking", "play"]) audio.addEventListener(event, keepStep);
  const options = $(".options");
  const gone = () => {
    audio.hidden = true;
    $("#audio-gone").hidden = false;
    options.hidden = true;
  };
  options.hidden = false;
  audio.addEventListener("error", gone);
  if (audio.error) gone();

  const speed = $("#speed");
  const atSpeed = (value) => {
    if (![...speed.options].some((option) => option.value === value)) return;
    speed.value = value;
    audio.defaultPlaybackRate = audio.playbackRate = Number(value);
    localStorage.setItem("speed", value);
  };
  speed.addEventListener("change", () => atSpeed(speed.value));
  if (localStorage.getItem("speed")) atSpeed(localStorage.getItem("speed"));

  audio.addEventListener("timeupdate", () => {
    if (!$("#skip-silence")?.checked || audio.paused) return;
    const silent = silences.find(([from, until]) => audio.currentTime > from + 0.5 && audio.currentTime < until - 0.5);
    if (silent) audio.currentTime = silent[1] - 0.3;
  });
}

if (bar) {
  bar.hidden = false;
  point(Number(bar.value));
  bar.addEventListener("input", () => {
    seek(Number(bar.value));
    const part = otherPart(Number(bar.value));
    if (part) load(part.href);
    else if (mark(turnAt(Number(bar.value)))) show(current);
  });
}
for (const wave of document.querySelectorAll(".wave")) wave.addEventListener("error", () => wave.remove());
if (current && !location.hash) show(current);

// A link to this moment

const copy = $("#copy-link");
async function copyLink() {
  await navigator.clipboard.writeText(address(position(), turnAt(position())));
  copy.textContent = `Copied the link at ${clock(position())}`;
}
if (copy && navigator.clipboard) {
  copy.hidden = false;
  copy.addEventListener("click", copyLink);
  audio?.addEventListener("timeupdate", () => (copy.textContent = `Copy link at ${clock(position())}`));
}

// Find: as one types, where all turns are on the page and the browser can mark without touching them

const form = $("form.find");
const finding = $("#finding");
let ranges = [];
let at = -1;

function find(text) {
  ranges = [];
  at = -1;
  for (const said of text ? document.querySelectorAll(".said") : []) {
    const walk = document.createTreeWalker(said, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      const words = walk.currentNode.data.toLowerCase();
      for (let found = words.indexOf(text); found >= 0; found = words.indexOf(text, found + text.length)) {
        const range = new Range();
        range.setStart(walk.currentNode, found);
        range.setEnd(walk.currentNode, found + text.length);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("found", new Highlight(...ranges));
  finding.textContent = text ? `${ranges.length} found` : "";
}

function another(back) {
  at = (at + (back ? -1 : 1) + ranges.length) % ranges.length;
  CSS.highlights.set("found-here", new Highlight(ranges[at]));
  finding.textContent = `${at + 1} of ${ranges.length}`;
  goTo(ranges[at].startContainer.parentElement.closest(".turn"));
}

if (form && "whole" in form.dataset && window.CSS?.highlights) {
  const asked = () => form.elements.find.value.trim().toLowerCase();
  let found = asked();
  form.addEventListener("input", () => find((found = asked())));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (found !== asked() || !ranges.length) find((found = asked()));
    if (ranges.length) another(false);
  });
}

// Keys

const keys = $("#keys");
const on = $("#keys-on");
keys.hidden = false;
on.checked = localStorage.getItem("keys") !== "off";
on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));

function faster(steps) {
  const speed = $("#speed");
  const index = Math.min(Math.max(speed.selectedIndex + steps, 0), speed.options.length - 1);
  speed.selectedIndex = index;
  speed.dispatchEvent(new Event("change"));
}

const toggle = () => playable() && (audio.paused ? audio.play().catch(() => {}) : audio.pause());
const found = (back) => {
  if (ranges.length) another(back);
  else step(having($(".said mark") ? ".said mark" : ".said-by .mood.negative"), back);
};
const actions = {
  " ": toggle,
  k: toggle,
  j: () => seek(position() - 5),
  l: () => seek(position() + 5),
  ArrowUp: () => step(() => true, true),
  ArrowDown: () => step(() => true, false),
  n: () => found(false),
  N: () => found(true),
  t: () => step(having(".tag.tracker"), false),
  T: () => step(having(".tag.tracker"), true),
  q: () => step(having(".tag.question"), false),
  Q: () => step(having(".tag.question"), true),
  "/": () => $("#find")?.focus(),
  y: () => copy && !copy.hidden && copyLink(),
  "<": () => playable() && faster(-1),
  ">": () => playable() && faster(1),
  "[": () => $(".beside a[rel=prev]")?.click(),
  "]": () => $(".beside a[rel=next]")?.click(),
  "?": () => {
    keys.open = !keys.open;
    if (keys.open) keys.querySelector("summary").focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || !(on.checked || event.key === "?")) return;
  if (event.target.closest("input:not([type=checkbox], [type=range]), textarea, select")) return;
  const ofControl = event.target.closest("button, a, summary, input, audio, [tabindex='0']");
  if (ofControl && (event.key === " " || event.key.startsWith("Arrow"))) return; // it has a use for them itself
  const act = actions[event.key] ?? actions[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});
