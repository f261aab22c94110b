// What is shown, and the keys.

const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");
const title = document.getElementById("title");
const heading = document.title;
let place = 0;

const current = () => decodeURIComponent(location.hash.slice(1));

async function show() {
  const key = current();
  const detail = key && (data.details[key] || (data.live && (await load(key))));
  if (key !== current()) return;
  if (!detail) {
    const only = data.rows.length === 1 && data.details[data.rows[0][0]];
    title.textContent = heading;
    main.replaceChildren(...(only ? run(only) : many(data)).flat(Infinity).filter(Boolean));
    scrollTo(0, place);
  } else {
    title.textContent = `run ${detail.trace.slice(0, 12)}`;
    main.replaceChildren(...run(detail).flat(Infinity).filter(Boolean));
    scrollTo(0, 0);
  }
  if (!document.activeElement || document.activeElement === document.body) main.focus({ preventScroll: true });
}

async function load(key) {
  const answer = await fetch(`run/${encodeURIComponent(key)}`);
  if (!answer.ok) return null;
  return (data.details[key] = await answer.json());
}

async function watch() {
  const newest = data.rows.length ? data.rows[0][1] : 0;
  const fresh = document.getElementById("fresh");
  try {
    const found = await (await fetch(`since/${newest}`)).json();
    fresh.hidden = !found.runs;
    fresh.textContent = `${found.runs} new: show (r)`;
  } catch {
    fresh.hidden = false;
    fresh.textContent = "the server is gone";
  }
}

const open = () => data.details[current()];

function move(by) {
  if (open() || main.querySelector(".row.call")) {
    const rows = [...main.querySelectorAll(".row.call")];
    const at = rows.indexOf(document.activeElement);
    const to = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (to) to.focus();
    return;
  }
  const lines = [...main.querySelectorAll(".runs tbody tr")];
  if (!lines.length) return;
  lines[list.on]?.classList.remove("on");
  list.on = Math.min(lines.length - 1, Math.max(0, list.on + by));
  lines[list.on].classList.add("on");
  lines[list.on].scrollIntoView({ block: "nearest" });
}

function step(by) {
  const at = list.rows.findIndex((row) => row[0] === current());
  for (let to = at + by; at >= 0 && to >= 0 && to < list.rows.length; to += by) {
    if (data.live || list.rows[to][0] in data.details) {
      list.on = to;
      location.hash = list.rows[to][0];
      return;
    }
  }
}

const THEMES = ["", "light", "dark"];

function theme(next) {
  if (next) document.documentElement.dataset.theme = next;
  else delete document.documentElement.dataset.theme;
  document.getElementById("theme").textContent = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" }[next];
  try { localStorage.setItem("shotclock-theme", next); } catch { /* a file may have no storage */ }
}

function turn() {
  theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme || "") + 1) % THEMES.length]);
}

const KEYS = {
  j: ["next line", () => move(1)],
  k: ["line before", () => move(-1)],
  Enter: ["open it", () => { const row = list.rows[list.on]; if (!open() && row && (data.live || row[0] in data.details)) location.hash = row[0]; }],
  n: ["next run", () => step(1)],
  p: ["run before", () => step(-1)],
  Escape: ["back to all runs", () => { if (location.hash) location.hash = ""; }],
  "/": ["filter", () => { if (open()) location.hash = ""; setTimeout(() => document.getElementById("filter")?.focus(), 60); }],
  t: ["system, light or dark", turn],
  r: ["read again", () => { if (data.live) location.reload(); }],
  "?": ["these keys", () => document.getElementById("help").showModal()],
};
const SAME = { ArrowDown: "j", ArrowUp: "k" };

function keys(event) {
  const field = event.target instanceof HTMLInputElement;
  if (field && event.key === "Escape") { event.target.blur(); return; }
  if (field || event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
  if (event.key === "Enter" && event.target.closest("a, button")) return;
  const found = KEYS[SAME[event.key] || event.key];
  if (!found) return;
  event.preventDefault();
  found[1]();
}

function help() {
  const names = Object.entries(KEYS).filter(([key]) => data.live || key !== "r");
  document.getElementById("help").replaceChildren(h("h2", null, "Keys"),
    h("dl", null, names.map(([key, [what]]) => [h("dt", null, h("kbd", null, key)), h("dd", null, what)])),
    h("button.quiet", { type: "button", style: { "margin-top": "1rem" }, onclick: () => document.getElementById("help").close() }, "Close"));
}

addEventListener("hashchange", () => { show(); });
addEventListener("scroll", () => { if (!location.hash) place = scrollY; }, { passive: true });
addEventListener("keydown", keys);
addEventListener("beforeprint", () => main.querySelectorAll("details").forEach((each) => { each.open = true; }));
document.getElementById("theme").addEventListener("click", turn);
document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
document.getElementById("fresh").addEventListener("click", () => location.reload());
let saved = "";
try { saved = localStorage.getItem("shotclock-theme") || ""; } catch { saved = ""; }
theme(THEMES.includes(saved) ? saved : "");
help();
list.rows = data.rows;
show();
if (data.live) setInterval(watch, 5000);
