// All defenses: by state, and searched by name, id or architecture.

import { get } from "./api.js";
import { announce, choice, el, field, put, refill, table } from "./dom.js";
import { badge, button, commands, moment, percent } from "./showing.js";
import { list } from "./snippets.js";

const STATES = ["queued", "running", "cancelling", "succeeded", "failed", "cancelled"];
const PAGE = 50;

export async function show(main, { query, signal }) {
  const state = choice([["", "All states"], ...STATES.map((name) => [name, name])], query.get("status") ?? "");
  const words = el("input", { type: "search", value: query.get("q") ?? "", autocomplete: "off" });
  const found = el("div");
  const known = [];
  let more = false;

  const load = async () => {
    const after = known.length ? `&after=${known.at(-1).id}` : "";
    const wanted = state.value ? `&status=${state.value}` : "";
    const page = await get(`/v1/defenses?limit=${PAGE}${after}${wanted}`, { signal });
    known.push(...page.data);
    more = page.has_more;
    draw();
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
