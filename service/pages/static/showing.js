// How numbers, times, states, errors and commands look.

import { ownKey } from "./access.js";
import { announce, el, refill } from "./dom.js";

const UNITS = ["B", "kB", "MB", "GB"];

export const percent = (share) =>
  share === null || share === undefined ? "–" : `${(100 * share).toFixed(1)}\u00a0%`;

export function bytes(size) {
  if (size === null || size === undefined) return "–";
  let power = 0;
  for (; size >= 1000 && power < UNITS.length - 1; power++) size /= 1000;
  return `${power ? size.toFixed(1) : size}\u00a0${UNITS[power]}`;
}

export function seconds(value) {
  const whole = Math.round(value);
  if (whole < 90) return `${whole} s`;
  return whole < 5400 ? `${Math.round(whole / 60)} min` : `${(whole / 3600).toFixed(1)} h`;
}

export function moment(text) {
  if (!text) return "–";
  const shown = new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return el("time", { datetime: text }, shown);
}

export const badge = (text, kind = text) => el("span", { class: `badge ${kind}` }, text);

/** A box that says what went wrong, and is read out. */
export function alarm(error) {
  const key = error.status === 401 || error.status === 403;
  return el(
    "div",
    { class: "box bad", role: "alert" },
    el("strong", {}, error.title ?? "Something went wrong"),
    el("p", {}, error.message),
    key ? el("p", {}, el("a", { href: "#/keys" }, ownKey() ? "Use another key" : "Enter a key")) : null,
    error.requestId ? el("small", {}, `Request ${error.requestId}`) : null,
  );
}

/** A button that does one thing at a time; what goes wrong is shown in `place`. */
export function button(text, act, { kind = "", place = null } = {}) {
  const made = el("button", { type: "button", class: kind }, text);
  made.addEventListener("click", async () => {
    made.disabled = true;
    try {
      await act(made);
    } catch (error) {
      if (place) refill(place, alarm(error));
      else made.after(alarm(error));
    } finally {
      made.disabled = false;
    }
  });
  return made;
}

/** The same as commands: what `snippets.js` made, to be copied. */
export function commands({ curl, python }) {
  return el(
    "details",
    { class: "commands" },
    el("summary", {}, "The same with curl or Python"),
    command("curl", curl),
    command("Python", python),
  );
}

function command(name, text) {
  const code = el("pre", { tabindex: "0", "aria-label": name }, text);
  return el("div", { class: "command" }, el("strong", {}, name), copier(text, `Copy ${name}`, code), code);
}

/** A button that copies a text; without permission the text is selected instead. */
export function copier(text, label, shown) {
  return button(label, async (made) => {
    try {
      await navigator.clipboard.writeText(text);
      made.textContent = "Copied";
      announce("Copied");
      setTimeout(() => (made.textContent = label), 2000);
    } catch {
      getSelection().selectAllChildren(shown);
      announce("Selected; copy it with the keyboard");
    }
  }, { kind: "small" });
}
