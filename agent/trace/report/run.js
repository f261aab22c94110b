// One run whole.

function run(detail) {
  return [head(detail), meters(detail), waterfall(detail), spent(detail), log(detail)];
}

function head(detail) {
  const verified = { true: "verified", false: "not verified" }[detail.verified] || "verification unknown";
  const late = detail.deadline !== null && detail.took > detail.deadline + 0.05;
  return h("header", { style: { "margin-bottom": "1.25rem" } },
    h("h1", null, `${detail.agent} on ${detail.model}: ${seconds(detail.took)}`),
    h("p.lead", { style: { margin: "0" } }, h("span.chip", { class: `status-${token(detail.status)}` }, detail.status || "unknown"), ` stopped by ${detail.stop || "unknown"}, ${verified}`,
      late && ", late", detail.error && `, failed with ${detail.error}`, " · ", moment(detail.started), " · ", h("span.id", null, detail.trace)),
    detail.lost > 0 && h("p.note", null, `${detail.lost} spans are not below the run: their parents were not stored.`),
    (detail.query || detail.answer) && h("div.said", null, detail.query && said("asked", detail.query), detail.answer && said("answered", detail.answer)));
}

function said(who, text) {
  return h("div", null, h("p.who", null, who), h("p.text", null, text));
}

// The budget as it burnt down.

const BUDGET = { latency: "time", tool_calls: "tool calls", model_calls: "model calls", tokens: "tokens", cost_usd: "money" };

function meters(detail) {
  const charts = Object.keys(BUDGET).filter((type) => type in detail.limits).map((type) => meter(detail, type));
  const free = Object.keys(BUDGET).filter((type) => !(type in detail.limits) && type in detail.consumed)
    .map((type) => `${quantity(type, detail.consumed[type])} ${BUDGET[type]}`).join(", ");
  return card("Budget left", free && `without a limit: ${free}`, charts.length ? h("div.meters", null, charts) : h("p.empty", null, "No limit was set."));
}

function meter(detail, type) {
  const limit = detail.limits[type];
  const end = Math.max(detail.took, detail.deadline || 0) || 1;
  const points = [[0, limit], ...(detail.burn_down[type] || [])];
  const used = detail.consumed[type] ?? (type === "latency" ? detail.took : null);
  if (type === "latency") points.push([detail.took, Math.max(0, limit - detail.took)]);
  const x = (value) => (Math.min(value, end) / end) * 300;
  const y = (value) => 90 - (limit ? Math.min(1, Math.max(0, value / limit)) : 0) * 86;
  const path = points.map(([when, left], n) => {
    if (n === 0) return `M${x(when)} ${y(left)}`;
    return type === "latency" ? `L${x(when)} ${y(left)}` : `H${x(when)}V${y(left)}`;
  }).join("");
  const last = points[points.length - 1][0];
  const reserve = type === "latency" && detail.soft !== null ? detail.deadline - detail.soft : null;
  return h("div.meter", null, h("h3", null, BUDGET[type], h("span", { class: used !== null && used > limit ? "over" : "" }, `${quantity(type, used)} of ${quantity(type, limit)}`)),
    s("svg", { viewBox: "0 0 300 96", preserveAspectRatio: "none", role: "img", "aria-label": `${BUDGET[type]} left over the run` },
      s("path", { class: "area", d: `${path}L${x(last)} 90L0 90Z` }), s("line", { class: "base", x1: 0, x2: 300, y1: 90, y2: 90 }),
      reserve !== null && s("line", { class: "reserve", x1: 0, x2: 300, y1: y(reserve), y2: y(reserve) }), s("path", { class: "line", d: path })),
    axis(steps(end, 4), (instant) => instant / end), reserve !== null && h("p.legend", null, `dashed: ${seconds(reserve)} kept back for the answer`));
}

// The waterfall.

function waterfall(detail) {
  const longest = Math.max(1e-6, ...detail.spans.map((span) => span.end));
  const near = detail.deadline !== null && detail.deadline <= longest * 2;
  const end = Math.max(longest, near ? detail.deadline : 0) * 1.01;
  const place = (instant) => instant / end;
  const marks = () => [near && h("span.mark", { style: { left: at(place(detail.deadline)) } }),
    detail.soft !== null && detail.soft <= end && h("span.mark.soft", { style: { left: at(place(detail.soft)) } })];
  const lines = detail.spans.map((span) => ({ start: span.start, depth: span.depth, row: spanRow(span, place, marks) }));
  for (const made of detail.decisions.filter((each) => each.kind === "skip")) {
    const before = lines.findIndex((line) => line.depth === 1 && line.start > made.at);
    lines.splice(before < 0 ? lines.length : before, 0, { start: made.at, depth: 1, row: skipRow(made, place, marks) });
  }
  const heading = h("div.row.head", null, h("span.what"), axis(steps(end, 6), place), h("span.took"), h("span.how"));
  const legend = h("ul.legend", null, ["inference", "tool", "verification", "orchestration"].map((phase) => h("li", { class: `phase-${phase}` }, h("i.dot"), phase)),
    h("li", null, "full colour: on the critical path"), detail.deadline !== null && h("li", null, near ? `red line: deadline ${seconds(detail.deadline)}` : `deadline ${seconds(detail.deadline)}, off the axis`),
    detail.soft !== null && h("li", null, `dashed: an answer is begun, ${seconds(detail.soft)}`));
  const made = card("Waterfall", "a line opens what is known of it", h("div.fall", null, heading, lines.map((line) => line.row)), legend);
  made.classList.add("long");
  return made;
}

const LOUD = { good: /^(pass|complete)/, warn: /^(timed|cancelled|rejected|unsure|partial|fallback)/, bad: /^(error|fail|abandoned)/ };

function spanRow(span, place, marks) {
  const bar = h("i", { style: { left: at(place(span.start)), width: at(place(span.end) - place(span.start)) } });
  const path = span.path.map(([start, end, phase]) => h("i.path", { class: `phase-${phase}`, style: { left: at(place(start)), width: at(place(end) - place(start)) } }));
  const how = Object.keys(LOUD).find((kind) => LOUD[kind].test(span.outcome)) || "";
  const row = h("div.row.call", { class: `phase-${span.phase}`, tabindex: 0, role: "button", "aria-expanded": "false" },
    h("span.what", { title: span.label, style: { "--depth": span.depth, "font-weight": span.depth ? null : "600" } }, span.label),
    h("div.track", null, bar, path, marks()), h("span.took", null, seconds(span.end - span.start)), h("span.how", { class: how }, span.outcome));
  const toggle = () => {
    const open = row.getAttribute("aria-expanded") === "true";
    row.setAttribute("aria-expanded", String(!open));
    if (open) row.nextSibling.remove();
    else row.after(opened(span));
  };
  row.addEventListener("click", toggle);
  row.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); event.stopPropagation(); toggle(); } });
  return row;
}

function opened(span) {
  const figures = "on_path" in span ? { "on the critical path": seconds(span.on_path), "the run would save": seconds(span.saves), slack: seconds(span.slack), "calls at the same time": span.fan_out - 1 } : {};
  const known = { from: seconds(span.start), to: seconds(span.end), ...figures, ...span.attributes };
  return h("div.open", { class: `phase-${span.phase}` }, facts(known));
}

function facts(values) {
  return h("dl", null, Object.entries(values).map(([name, value]) => [h("dt", null, name), h("dd", null, shown(value))]));
}

function shown(value) {
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(6)));
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

function skipRow(made, place, marks) {
  return h("div.row", null, h("span.what", { style: { "--depth": 1 } }, made.choice), h("div.track", null, h("span.skip", { style: { left: at(place(made.at)) } }, "×"), marks()),
    h("span.took"), h("span.how.warn", { title: made.reason }, "skipped"));
}

function spent(detail) {
  const found = Object.entries(detail.phases).sort((a, b) => b[1] - a[1]);
  const whole = detail.took || 1;
  const bar = h("div.stack", { role: "img", "aria-label": "Shares of the phases" }, found.map(([phase, value]) =>
    h("i", { class: `phase-${phase}`, title: `${phase} ${seconds(value)}`, style: { flex: String(value) } })));
  const legend = h("ul.legend", null, found.map(([phase, value]) => h("li", { class: `phase-${phase}` }, h("i.dot"), `${phase} ${seconds(value)}, ${percent(value / whole, 1)}`)));
  return card("What took the time", "the critical path; it sums to the run", bar, legend);
}

const STRONG = new Set(["skip", "interrupt", "retry", "hedge", "fallback", "abandon", "watchdog", "model_retry"]);

function log(detail) {
  const lines = detail.decisions.map((made) => {
    const figures = Object.entries(made.figures).map(([name, value]) => `${name} = ${shown(value)}`).join("\n");
    return h("li", null, h("time", null, seconds(made.at)), h("span.kind", { class: STRONG.has(made.kind) ? "loud" : "" }, made.kind.replaceAll("_", " ")),
      figures ? h("details", null, h("summary", null, h("b", null, made.choice), " ", made.reason), h("div.figures", null, figures))
        : h("div", null, h("b", null, made.choice), " ", made.reason));
  });
  const made = card("Decisions", "each with the figures it was made from", lines.length ? h("ol.log", null, lines) : h("p.empty", null, "None was recorded."));
  made.classList.add("long");
  return made;
}
