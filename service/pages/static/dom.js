// Elements from descriptions. All text goes through text nodes: data never becomes markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element; attributes named on… are listeners, null and false ones are left out. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  put(element, ...children);
  return element;
}

/** Puts children after those that are there; null ones are left out. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Puts children in the place of those that are there. */
export function refill(element, ...children) {
  element.replaceChildren();
  put(element, ...children);
}

let made = 0;

/** A control under its label, with a hint that screen readers tell with it. */
export function field(label, control, hint = null) {
  control.id ||= `field-${++made}`;
  if (hint) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return el(
    "div",
    { class: "field" },
    el("label", { for: control.id }, label),
    control,
    hint ? el("small", { id: `${control.id}-hint` }, hint) : null,
  );
}

/** A checkbox before its label. */
export function tick(label, checked = false, value = "") {
  const box = el("input", { type: "checkbox", checked, value });
  return { box, line: el("label", { class: "tick" }, box, label) };
}

/** A select of [value, text] pairs. */
export function choice(options, chosen = "") {
  const made = options.map(([value, text]) => el("option", { value }, text));
  const select = el("select", {}, made);
  select.value = chosen;
  return select;
}

/** A table with a caption for those who do not see where it stands. */
export function table(caption, heads, rows) {
  return el(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "unseen" }, caption),
      el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell))))),
    ),
  );
}

/** Tells screen readers; what changed is on the page too. */
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}
