// Elements and figures. What traces hold becomes text nodes, never markup.

function h(tag, attributes, ...children) {
  const [name, ...classes] = tag.split(".");
  return fill(document.createElement(name), classes, attributes, children);
}

function s(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), [], attributes, children);
}

function fill(element, classes, attributes, children) {
  for (const name of classes) element.classList.add(name);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "style") for (const [key, to] of Object.entries(value)) element.style.setProperty(key, to);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") for (const each of value.split(" ").filter(Boolean)) element.classList.add(each);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

function card(title, hint, ...body) {
  return h("section.card", { "aria-label": title }, h("header", null, h("h2", null, title), hint && h("p", null, hint)), body);
}

function token(word) {
  return String(word || "unknown").toLowerCase().replace(/[^a-z]+/g, "-");
}

function seconds(value) {
  if (value === null || value === undefined) return "";
  if (value < 5e-8) return "0 s";
  if (value < 0.0095) return `${(value * 1e3).toFixed(1)} ms`;
  if (value < 0.9995) return `${(value * 1e3).toFixed(0)} ms`;
  return value < 59.995 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
}

function tick(value) {
  if (value === 0) return "0";
  return value < 0.9995 ? `${Number((value * 1e3).toPrecision(3))} ms` : `${Number(value.toPrecision(3))} s`;
}

function percent(share, digits = 0) {
  return `${(share * 100).toFixed(digits)} %`;
}

function count(value) {
  return value.toLocaleString("en-US");
}

function money(value) {
  if (value === null || value === undefined) return "unknown";
  if (value === 0) return "$0";
  return value < 0.1 ? `$${value.toFixed(4)}` : `$${value.toFixed(2)}`;
}

function quantity(type, value) {
  if (value === null || value === undefined) return "unknown";
  if (type === "latency") return seconds(value);
  return type === "cost_usd" ? money(value) : count(value);
}

function moment(milliseconds) {
  const at = new Date(milliseconds);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function at(share) {
  return `${(Math.min(1, Math.max(0, share)) * 100).toFixed(3)}%`;
}

// Round instants on an axis from 0 to `end`, about `wanted` of them.
function steps(end, wanted = 6) {
  const raw = end / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw);
  return Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, n) => n * step);
}

function axis(instants, place) {
  return h("div.axis", { "aria-hidden": true }, instants.map((instant) => {
    const share = place(instant);
    return h("span", { class: share > 0.96 ? "end" : "", style: { left: at(share) } }, tick(instant));
  }));
}
