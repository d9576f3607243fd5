// The conveniences of pages that read well without a script: refresh, copy. A call's player has a module of its own.

const POLL_MS = 5_000;
const POLL_MAX_MS = 60_000;
const OPERATIONS_MS = 10_000;

const audio = document.querySelector(".player audio");
for (const table of document.querySelectorAll("[data-poll=rows]")) poll(refreshRows, () => table.querySelector("[data-working]"));
if (document.querySelector("[data-poll=call]")) poll(refreshCall, () => document.querySelector("[data-poll=call]"));
if (document.querySelector("[data-poll=ops]")) poll(refreshBlocks, () => true, OPERATIONS_MS, OPERATIONS_MS);
for (const button of document.querySelectorAll("[data-copy]")) copying(button);
for (const bar of document.querySelectorAll("form.facets")) facets(bar);
for (const form of document.querySelectorAll("[data-preview]")) previewing(form);

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
