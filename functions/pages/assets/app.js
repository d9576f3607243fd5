// The conveniences of pages that read well without a script: seek, follow, refresh, copy.

const POLL_MS = 5_000;
const POLL_MAX_MS = 60_000;
const OPERATIONS_MS = 10_000;

const audio = document.querySelector(".player audio");
if (audio) player(audio);
for (const table of document.querySelectorAll("[data-poll=rows]")) poll(refreshRows, () => table.querySelector("[data-working]"));
if (document.querySelector("[data-poll=call]")) poll(refreshCall, () => document.querySelector("[data-poll=call]"));
if (document.querySelector("[data-poll=ops]")) poll(refreshBlocks, () => true, OPERATIONS_MS, OPERATIONS_MS);
for (const button of document.querySelectorAll("[data-copy]")) copying(button);
for (const bar of document.querySelectorAll("form.facets")) facets(bar);
for (const form of document.querySelectorAll("[data-preview]")) previewing(form);

// The player and the transcript, in step

function player(audio) {
  const turns = [...document.querySelectorAll(".turn")];
  const secondsOf = (link) => Number(new URLSearchParams(link.search).get("t"));
  const starts = turns.map((turn) => secondsOf(turn.querySelector("a.seek")));
  const follow = document.querySelector("#follow");
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  let current = document.querySelector(".turn[aria-current]");
  let sought = current !== null; // the first mark was set by the server: keep it until the audio moves

  const show = (turn) => turn?.scrollIntoView({ block: "center", behavior: calm.matches ? "auto" : "smooth" });

  // The last turn that has begun; null before the first.
  const turnAt = (seconds) => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= seconds + 0.01) low = middle + 1;
      else high = middle;
    }
    return turns[low - 1] ?? null;
  };

  const mark = (turn) => {
    if (turn === current) return false;
    current?.removeAttribute("aria-current");
    turn?.setAttribute("aria-current", "true");
    current = turn;
    return true;
  };

  const keepStep = () => {
    if (sought && audio.currentTime === 0) return;
    if (mark(turnAt(audio.currentTime)) && !audio.paused && follow?.checked) show(current);
  };

  for (const event of ["timeupdate", "seeking", "play"]) audio.addEventListener(event, keepStep);

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.seek");
    if (!link || audio.error || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    sought = false;
    audio.currentTime = secondsOf(link);
    audio.play().catch(() => {}); // a browser that does not let it play has still moved
    history.replaceState(null, "", link.href);
    const turn = document.getElementById(link.hash.slice(1));
    mark(turn);
    if (!link.closest(".turn")) show(turn);
  });

  const gone = () => {
    audio.hidden = true;
    document.querySelector("#audio-gone").hidden = false;
    follow?.closest("label").setAttribute("hidden", "");
  };
  audio.addEventListener("error", gone);
  if (audio.error) gone();
  else follow?.closest("label").removeAttribute("hidden");
  if (current && !location.hash) show(current);
}

// Refreshing what is unfinished, and nothing else

function poll(refresh, unfinished, first = POLL_MS, longest = POLL_MAX_MS) {
  let wait = first;
  const say = (text) => {
    for (const note of document.querySelectorAll("[data-poll-note]")) {
      if (note.textContent !== text) note.textContent = text; // saying the same again would be read out again
    }
  };
  const again = () => setTimeout(look, wait);
  const look = async () => {
    if (document.hidden) return again();
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      refresh(new DOMParser().parseFromString(await answer.text(), "text/html"));
      say(unfinished() ? "This page refreshes by itself." : "Everything here is finished.");
    } catch {
      say("Cannot refresh right now; it is tried again.");
    }
    wait = Math.min(wait * 1.2, longest);
    if (unfinished()) again();
  };
  if (!unfinished()) return;
  say("This page refreshes by itself.");
  again();
}

function refreshRows(fresh) {
  for (const row of document.querySelectorAll("tr[data-working]")) {
    const now = fresh.getElementById(row.id);
    if (now && !row.contains(document.activeElement)) row.replaceWith(document.importNode(now, true));
  }
}

function refreshCall(fresh) {
  const finished = !fresh.querySelector("[data-poll=call]");
  const spoken = fresh.querySelector(".turn") && !document.querySelector(".turn");
  if ((finished || spoken) && (!audio || audio.paused)) return location.reload();
  const [notice, news] = [document, fresh].map((page) => page.querySelector("[data-poll=call]"));
  if (news && notice.dataset.state !== news.dataset.state) {
    notice.dataset.state = news.dataset.state;
    notice.replaceChildren(...document.importNode(news, true).childNodes);
  }
  for (const part of [".lead", "aside", ".trail"]) {
    const old = document.querySelector(part);
    const now = fresh.querySelector(part);
    if (!old || !now || old.innerHTML === now.innerHTML || old.contains(document.activeElement)) continue;
    old.replaceChildren(...document.importNode(now, true).childNodes);
  }
}

function refreshBlocks(fresh) {
  for (const block of document.querySelectorAll("[data-refresh]")) {
    const now = fresh.getElementById(block.id);
    const written = [...block.querySelectorAll("input[type=text]")].some((input) => input.value);
    if (!now || written || block.contains(document.activeElement)) continue; // a reader is at work there
    const open = block.querySelector("details")?.open;
    block.className = now.className;
    block.replaceChildren(...document.importNode(now, true).childNodes);
    if (open) block.querySelector("details")?.setAttribute("open", "");
  }
}

// The lists of facets: a choice is made at once, names and counts come after the page

async function facets(bar) {
  bar.addEventListener("change", () => bar.requestSubmit());
  if (!bar.dataset.facets) return;
  try {
    const answer = await fetch(bar.dataset.facets, { headers: { Accept: "text/html" } });
    if (!answer.ok) return; // the lists without counts stay, and the link says more
    const now = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("form.facets");
    if (now && !bar.contains(document.activeElement)) bar.replaceChildren(...document.importNode(now, true).childNodes);
  } catch {} // likewise
}

// A command to take along

function copying(button) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

// A company's look, shown while it is typed

function previewing(form) {
  const frame = document.querySelector("iframe[name=preview]").contentWindow;
  let waiting;
  const show = () => {
    const values = new FormData(form);
    for (const name of ["part", "version", "allowed_origins"]) values.delete(name);
    frame.location.replace(`${form.dataset.preview}?${new URLSearchParams(values)}`);
  };
  for (const text of form.querySelectorAll("[data-colour]")) {
    const picker = Object.assign(document.createElement("input"), { type: "color" });
    const take = () => { picker.value = /^#[0-9a-f]{6}$/i.test(text.value) ? text.value : "#ffffff"; };
    picker.setAttribute("aria-label", `Pick ${text.labels[0].textContent}`);
    picker.addEventListener("input", () => { text.value = picker.value; });
    text.addEventListener("input", take);
    text.after(picker);
    take();
  }
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 300);
  });
}
