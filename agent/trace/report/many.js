// Many runs at once.

function many(data) {
  const totals = data.totals;
  return [
    h("h1", null, totals.runs === 1 ? "1 run" : `${count(totals.runs)} runs`),
    h("p.lead", null, span(data.rows)),
    data.notes.map((note) => h("p.note", null, note)),
    tiles(totals),
    h("div.two", null, durations(data), phases(totals)),
    callShares(totals),
    latencies(totals),
    h("div.two", null, misses(totals), deeds(totals)),
    runs(data),
  ];
}

function span(rows) {
  if (!rows.length) return "None was selected.";
  const [newest, oldest] = [rows[0][1], rows[rows.length - 1][1]];
  return newest === oldest ? moment(newest) : `from ${moment(oldest)} to ${moment(newest)}`;
}

function tile(figure, label, bad) {
  return h("div.tile", { class: bad ? "bad" : "" }, h("b", null, figure), h("span", null, label));
}

function tiles(totals) {
  const missed = totals.deadline_misses.reduce((sum, [, n]) => sum + n, 0);
  const of = (n) => (totals.runs ? percent(n / totals.runs) : "none");
  return h("div.tiles", null,
    tile(seconds(totals.took.p50) || "none", "median"),
    tile(seconds(totals.took.p95) || "none", "95th percentile"),
    tile(seconds(totals.took.p99) || "none", "99th percentile"),
    tile(of(totals.status.complete || 0), "complete"),
    tile(of(totals.verified), "verified"),
    tile(of(missed), "cut short by the deadline", missed > 0),
    tile(count(totals.late), "came late", totals.late > 0));
}

function durations(data) {
  const { axis: edges, counts, deadline } = data.durations;
  const statuses = Object.keys(counts);
  const bins = edges.slice(0, -1).map((_, bin) => statuses.map((status) => counts[status][bin]));
  const tallest = Math.max(1, ...bins.map((bin) => bin.reduce((sum, n) => sum + n, 0)));
  const end = edges[edges.length - 1];
  const bars = bins.map((bin, index) => {
    const title = `${tick(edges[index])} to ${tick(edges[index + 1])}: ${statuses.map((status, n) => `${bin[n]} ${status}`).join(", ")}`;
    return h("span", { title }, bin.map((n, which) => n > 0 && h("i", { class: `status-${token(statuses[which])}`, style: { height: at(n / tallest) } })));
  });
  const mark = deadline && h("div.mark", { style: { left: at(deadline / end) } }, h("em", null, `deadline ${tick(deadline)}`));
  const legend = h("ul.legend", null, statuses.map((status) => h("li", { class: `status-${token(status)}` }, h("i.dot"), `${status} ${count(data.totals.status[status])}`)));
  return card("Time to the answer", "by how the run ended", h("div.columns", { role: "img", "aria-label": `Durations of runs, up to ${tick(end)}` }, bars, mark),
    axis(steps(end, 5), (instant) => instant / end), legend);
}

function shareRow(name, kind, spread, share, extra) {
  return h("tr", { class: kind }, h("td", null, h("i.dot"), name), h("td.n", null, seconds(spread.p50)), h("td.n", null, seconds(spread.p95)),
    h("td.n", null, seconds(spread.p99)), extra, h("td.n", null, percent(share, 1)), h("td.share", null, h("i", { style: { width: at(share) } })));
}

function phases(totals) {
  const found = Object.entries(totals.phases).filter(([, spread]) => spread.total > 0).sort((a, b) => b[1].total - a[1].total);
  const whole = totals.took.total || 1;
  const bar = h("div.stack", { role: "img", "aria-label": "Shares of the phases" }, found.map(([phase, spread]) =>
    h("i", { class: `phase-${phase}`, title: `${phase} ${percent(spread.total / whole, 1)}`, style: { flex: String(spread.total) } })));
  const head = ["phase", "p50", "p95", "p99", "share", ""].map((name, n) => h("th", { class: n && name ? "n" : "" }, name));
  return card("Where the time went", "critical path, by phase", bar, h("div.scroll", null, h("table", null, h("thead", null, h("tr", null, head)),
    h("tbody", null, found.map(([phase, spread]) => shareRow(phase, `phase-${phase}`, spread, spread.total / whole))))));
}

function callShares(totals) {
  const whole = totals.took.total || 1;
  const found = totals.calls.filter((call) => call.share > 0 || call.saves > 0).slice(0, 12);
  const head = ["call", "p50", "p95", "p99", "would save", "share", ""].map((name, n) => h("th", { class: n && name ? "n" : "" }, name));
  const rows = found.map((call) => shareRow(call.title, `kind-${call.kind}`, call.on_path, call.share, h("td.n", null, percent(call.saves / whole, 1))));
  return card("By call", "seconds on the critical path of a run; what all runs would save had it taken none",
    rows.length ? h("div.scroll", null, h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, rows))) : h("p.empty", null, "No call was made."));
}

function misses(totals) {
  const whole = totals.deadline_misses.reduce((sum, [, n]) => sum + n, 0);
  const rows = totals.deadline_misses.slice(0, 12).map(([cause, n]) => h("tr", { class: `kind-${cause.split(" ")[0]}` }, h("td", null, h("i.dot"), cause),
    h("td.n", null, count(n)), h("td.n", null, percent(n / whole)), h("td.share", null, h("i", { style: { width: at(n / whole) } }))));
  const head = ["cause", "runs", "share", ""].map((name, n) => h("th", { class: n && name ? "n" : "" }, name));
  return card("Deadline misses", "what the run was waiting for when its time was up",
    rows.length ? h("div.scroll", null, h("table", null, h("thead", null, h("tr", null, head)), h("tbody", null, rows))) : h("p.empty", null, "No run missed its deadline."));
}

function latencies(totals) {
  const edges = totals.axis;
  const [low, high] = [Math.log10(edges[0]), Math.log10(edges[edges.length - 1])];
  const place = (value) => (Math.log10(Math.max(value, edges[0])) - low) / (high - low);
  const found = totals.calls.filter((call) => call.took.n + call.cut.n > 0).slice(0, 16);
  const rows = found.map((call) => strip(call, edges, place));
  const instants = edges.filter((edge) => Math.abs(Math.log10(edge) - Math.round(Math.log10(edge))) < 1e-6);
  const scale = h("div.strip.axisrow", null, h("span.name"), axis(instants, place), h("span.figures"));
  const legend = h("ul.legend", null, h("li", { class: "kind-tool" }, h("i.dot"), "how long calls took"), h("li", null, "hatched: interrupted after so long"),
    h("li", null, "shaded: forecast, from its median to its 95th percentile"), h("li", null, "met: share that ended within the forecast median and 95th percentile"));
  return card("How long calls took, and what was forecast", "logarithmic", rows.length ? [rows, scale, legend] : h("p.empty", null, "No call was made."));
}

function strip(call, edges, place) {
  const tallest = Math.max(1, ...call.bins.map((n, bin) => n + call.cut_bins[bin]));
  const bars = call.bins.map((n, bin) => {
    const cut = call.cut_bins[bin];
    const box = { left: at(place(edges[bin])), width: `calc(${at(place(edges[bin + 1]) - place(edges[bin]))} - 1px)` };
    return [n > 0 && h("i", { style: { ...box, height: at(n / tallest) }, title: `${tick(edges[bin])} to ${tick(edges[bin + 1])}: ${n}` }),
      cut > 0 && h("i.cut", { style: { ...box, height: at(cut / tallest), bottom: at(n / tallest) }, title: `interrupted after ${tick(edges[bin])} to ${tick(edges[bin + 1])}: ${cut}` })];
  });
  const { p50, p95 } = call.forecast;
  const band = p50 !== null && p95 !== null && h("span.band", { style: { left: at(place(p50)), width: at(place(p95) - place(p50)) }, title: `forecast ${tick(p50)} to ${tick(p95)}` });
  const met = Object.values(call.forecast_met).map(({ within, of }) => (of ? percent(within / of) : null));
  return h("div.strip", { class: `kind-${call.kind}` }, h("span.name", null, h("i.dot"), call.title), h("div.plot", null, band, bars),
    h("span.figures", null, h("b", null, seconds(call.took.p50)), " · ", h("b", null, seconds(call.took.p95)), ` · ${count(call.took.n + call.cut.n)} calls`,
      call.cut.n > 0 && `, ${count(call.cut.n)} cut`, met[1] && h("div", null, `met ${met.join(" and ")}`)));
}

function deeds(totals) {
  const line = (what, n, well, word) => h("tr", null, h("td", null, what), h("td.n", null, count(n)), h("td", null, n ? `${count(well)} ${word} (${percent(well / n)})` : ""));
  const skips = totals.skips.map(({ tool, limit, calls }) => h("tr", null, h("td", null, `skipped ${tool}`), h("td.n", null, count(calls)), h("td", null, `by ${limit}`)));
  return card("What skips, retries, hedges and early starts did", null, h("div.scroll", null, h("table", null, h("tbody", null,
    line("retries", totals.retries.started, totals.retries.succeeded, "succeeded"), line("hedges", totals.hedges.started, totals.hedges.won, "won"),
    line("early starts", totals.early.started, totals.early.adopted, "were asked for in the end"), skips))));
}

// The list of runs.

const COLUMNS = [
  ["id", (row) => h("span.id", null, row[0].slice(0, 8)), (row) => row[0]],
  ["when", (row) => moment(row[1]), (row) => row[1]],
  ["agent", (row) => row[2], (row) => row[2], "wide"],
  ["model", (row) => row[3], (row) => row[3], "wide"],
  ["took", (row) => seconds(row[4]), (row) => row[4], "n"],
  ["deadline", (row) => seconds(row[5]), (row) => row[5] ?? Infinity, "n wide last"],
  ["status", (row) => h("span.chip", { class: `status-${token(row[6])}` }, row[6] || "unknown"), (row) => row[6] || ""],
  ["stopped by", (row) => row[7] || "unknown", (row) => row[7] || "", "wide"],
  ["verified", (row) => ({ true: "yes", false: "no" })[row[8]] || "unknown", (row) => String(row[8]), "wide"],
  ["calls", (row) => row[9] ?? "?", (row) => row[9] ?? -1, "n wide last"],
  ["waited for", (row) => row[11] || "", (row) => row[11] || "", "wide"],
];
const PAGE_OF_RUNS = 50;
const list = { filter: "", column: null, down: true, shown: PAGE_OF_RUNS, on: 0, rows: [] };

function runs(data) {
  const input = h("input.filter", { type: "search", id: "filter", placeholder: "Filter: partial, archive, an id …", "aria-label": "Filter runs", value: list.filter });
  const body = h("tbody");
  const more = h("button.more", { type: "button" });
  const heads = COLUMNS.map(([name, , key, kind], column) => h("th", { class: kind || "" }, h("button", { type: "button", onclick: () => {
    list.down = list.column === column ? !list.down : true;
    list.column = column;
    draw();
  } }, name)));
  const draw = () => {
    const words = list.filter.toLowerCase().split(/\s+/).filter(Boolean);
    list.rows = data.rows.filter((row) => words.every((word) => row.join(" ").toLowerCase().includes(word)));
    if (list.column !== null) {
      const key = COLUMNS[list.column][2];
      list.rows.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (list.down ? -1 : 1));
    }
    heads.forEach((head, column) => (column === list.column ? head.setAttribute("aria-sort", list.down ? "descending" : "ascending") : head.removeAttribute("aria-sort")));
    body.replaceChildren(...list.rows.slice(0, list.shown).map((row, index) => runLine(data, row, index)));
    more.hidden = list.rows.length <= list.shown;
    more.textContent = `Show more of ${count(list.rows.length)}`;
  };
  input.addEventListener("input", () => { list.filter = input.value; list.on = 0; draw(); });
  more.addEventListener("click", () => { list.shown += 5 * PAGE_OF_RUNS; draw(); });
  draw();
  const made = card("Runs", "the newest first; a heading sorts", input, h("div.scroll", null, h("table.runs", null, h("thead", null, h("tr", null, heads)), body)), more);
  made.classList.add("long");
  return made;
}

function runLine(data, row, index) {
  const opens = data.live || row[0] in data.details;
  const cells = COLUMNS.map(([, show, , kind], column) => h("td", { class: kind || "" },
    column === 0 && opens ? h("a", { href: `#${row[0]}` }, show(row)) : show(row)));
  return h("tr", { class: index === list.on ? "on" : "", title: opens ? null : "This page does not hold it whole", onclick: () => { if (opens) location.hash = row[0]; } }, cells);
}
