// All defenses: by state, and searched by name, id or architecture.

import { get } from "./api.js";
import { announce, choice, el, field, put, refill, table } from "./dom.js";
import { badge, button, commands, moment, percent } from "./showing.js";
import { list } from "./snippets.js";
import { ENDED } from "./streaming.js";

const STATES = ["queued", "running", "cancelling", "succeeded", "failed", "cancelled"];
const PAGE = 50;
const AGAIN = 3000; // milliseconds

export async function show(main, { query, signal }) {
  const state = choice([["", "All states"], ...STATES.map((name) => [name, name])], query.get("status") ?? "");
  const words = el("input", { type: "search", value: query.get("q") ?? "", autocomplete: "off" });
  const found = el("div");
  const known = [];
  let more = false;

  const page = (after = "") => {
    const wanted = state.value ? `&status=${state.value}` : "";
    return get(`/v1/defenses?limit=${PAGE}${after}${wanted}`, { signal });
  };
  const load = async () => {
    const { data, has_more: others } = await page(known.length ? `&after=${known.at(-1).id}` : "");
    known.push(...data);
    more = others;
    draw();
  };
  /** What is under way is looked at again, as long as something is and somebody looks. */
  const follow = async () => {
    while (!signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, AGAIN));
      if (signal.aborted || document.hidden || known.every((one) => ENDED.includes(one.status))) continue;
      const chosen = state.value;
      const { data } = await page().catch(() => ({ data: [] }));
      if (chosen !== state.value || !renewed(known, data)) continue;
      const focus = found.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
      draw();
      if (focus) [...found.querySelectorAll("a")].find((one) => one.getAttribute("href") === focus)?.focus();
    }
  };
  const draw = () => {
    const rows = known.filter((one) => fits(one, words.value));
    const next = button(words.value ? "Search older ones too" : "Older ones", load, { place: null });
    refill(
      found,
      rows.length ? table("Defenses", ["Name", "State", "Accuracy", "Attack", "Asked for"], rows.map(row)) : el("p", {}, known.length ? "None of these fits." : "There are none yet."),
      more ? next : null,
      commands(list(state.value)),
    );
  };
  const remember = () => {
    const kept = new URLSearchParams();
    if (state.value) kept.set("status", state.value);
    if (words.value) kept.set("q", words.value);
    history.replaceState(null, "", `#/defenses${kept.size ? `?${kept}` : ""}`);
  };
  state.addEventListener("change", async () => {
    remember();
    known.length = 0;
    await load();
    announce(`${known.length} defenses`);
  });
  words.addEventListener("input", () => {
    remember();
    draw();
  });

  put(
    main,
    el("h1", { tabindex: "-1" }, "Defenses"),
    el("div", { class: "fields filters", role: "search" }, field("State", state), field("Search", words)),
    found,
  );
  await load();
  follow();
}

/** Puts newer states in the place of older ones; whether anything changed. */
function renewed(known, data) {
  let changed = false;
  for (const one of data) {
    const at = known.findIndex(({ id }) => id === one.id);
    if (at < 0 || JSON.stringify(known[at]) === JSON.stringify(one)) continue;
    known[at] = one;
    changed = true;
  }
  return changed;
}

function fits(defense, words) {
  const text = [defense.id, defense.name, defense.description?.architecture.name, defense.model_id].join(" ").toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function row(one) {
  const numbers = one.numbers ?? {};
  const arrow = (name) => {
    const [before, after] = [numbers[`${name}_before`], numbers[`${name}_after`]];
    return before === null || before === undefined ? "–" : `${percent(before)} → ${percent(after)}`;
  };
  return [
    el("a", { href: `#/defenses/${one.id}` }, one.name ?? one.id),
    badge(one.status === "running" ? (one.stage ?? "running") : one.status, one.status),
    arrow("accuracy"),
    arrow("attack_success"),
    moment(one.created_at),
  ];
}
