// All repaired models.

import { get } from "./api.js";
import { el, put, refill, table } from "./dom.js";
import { button, bytes, commands, moment, percent } from "./showing.js";
import { models } from "./snippets.js";

export async function show(main, { signal }) {
  const found = el("div");
  const known = [];
  const load = async () => {
    const after = known.length ? `&after=${known.at(-1).id}` : "";
    const page = await get(`/v1/models?limit=50${after}`, { signal });
    known.push(...page.data);
    refill(
      found,
      known.length ? table("Models", ["Name", "Architecture", "Accuracy", "Size", "Made"], known.map(row)) : el("p", {}, "There are none yet. ", el("a", { href: "#/new" }, "Repair one")),
      page.has_more ? button("Older ones", load) : null,
      commands(models()),
    );
  };
  put(main, el("h1", { tabindex: "-1" }, "Repaired models"), found);
  await load();
}

const row = (one) => [
  el("a", { href: `#/models/${one.id}` }, one.name ?? one.id),
  one.description.architecture.name,
  percent(one.numbers.accuracy_after),
  bytes(one.size),
  moment(one.created_at),
];
