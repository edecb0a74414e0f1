// The page that the address names after #.

import { announce, el, refill } from "./dom.js";
import * as defense from "./defense.js";
import * as defenses from "./defenses.js";
import * as keys from "./keys.js";
import * as model from "./model.js";
import * as models from "./models.js";
import * as fresh from "./new.js";
import * as report from "./report.js";
import { alarm } from "./showing.js";

const PAGES = [
  [/^\/new$/, fresh, "Repair a model"],
  [/^\/defenses$/, defenses, "Defenses"],
  [/^\/defenses\/([\w-]+)$/, defense, "Defense"],
  [/^\/reports\/([\w-]+)$/, report, "Report"],
  [/^\/models$/, models, "Models"],
  [/^\/models\/([\w-]+)$/, model, "Model"],
  [/^\/keys$/, keys, "Keys"],
];
const FIRST = "/new";

const main = document.getElementById("content");
let leaving = new AbortController();

async function show({ focus = true } = {}) {
  const address = location.hash.startsWith("#/") ? location.hash : `#${FIRST}`;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const [path, query = ""] = address.slice(1).split("?");
  const [page, title, id] = found(path);
  document.title = `${title} · Neural Polarizer`;
  mark(path);
  const view = el("div");
  refill(main, view);
  window.scrollTo(0, 0);
  const shown = page ? page.show(view, { id, query: new URLSearchParams(query), signal }) : null;
  if (!page) refill(view, el("h1", { tabindex: "-1" }, "There is no such page"), el("a", { href: `#${FIRST}` }, "Begin"));
  if (focus) {
    announce(title);
    main.focus({ preventScroll: true });
  }
  try {
    await shown;
  } catch (error) {
    if (error.name === "AbortError" || signal.aborted) return;
    if (!view.querySelector("h1")) refill(view, el("h1", { tabindex: "-1" }, title));
    view.append(alarm(error));
  }
}

function found(path) {
  for (const [pattern, page, title] of PAGES) {
    const match = pattern.exec(path);
    if (match) return [page, title, match[1]];
  }
  return [null, "Not found", null];
}

/** Says in the menu where one is. */
function mark(path) {
  const sections = { "#/reports": "#/defenses" };
  const own = `#/${path.split("/")[1]}`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.getAttribute("href") === (sections[own] ?? own);
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// Where the link leads is no place that the address should name.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
// A file that is dropped beside a place for it would replace the page.
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
addEventListener("hashchange", () => show());
show({ focus: false });
