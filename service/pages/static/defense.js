// One defense, followed by its events.

import { get, send } from "./api.js";
import { curves, sample } from "./charts.js";
import { announce, el, refill, table } from "./dom.js";
import { alarm, badge, button, commands, moment, percent, seconds } from "./showing.js";
import { cancel, follow } from "./snippets.js";
import { ENDED, events } from "./streaming.js";

const STAGES = ["fetching", "validating", "measuring", "purifying", "evaluating", "storing"];
const MEASURES = [
  ["accuracy", "Accuracy on clean images"],
  ["attack_success", "Attack success"],
  ["recovered_accuracy", "True class on triggered images"],
];
const ALONE = [
  ["clean_agreement", "Clean images whose label the suspect model gives"],
  ["wrong_labels", "Wrong labels among them (estimate)"],
  ["near_duplicates", "Near duplicates among them"],
  ["defense_effectiveness", "Defense effectiveness"],
  ["won_back", "Won back by attack tests, at most"],
];

/** The table of what was measured before and after; null where there is nothing yet. */
export function measured(numbers) {
  if (!numbers) return null;
  const known = (name) => numbers[name] !== null && numbers[name] !== undefined;
  const pairs = MEASURES.filter(([name]) => known(`${name}_before`) || known(`${name}_after`));
  const single = ALONE.filter(([name]) => known(name));
  return [
    pairs.length
      ? table("Before and after", ["Measure", "Before", "After"], pairs.map(([name, label]) => [
          label, percent(numbers[`${name}_before`]), percent(numbers[`${name}_after`]),
        ]))
      : null,
    single.length ? table("Also measured", ["Also measured", "Share"], single.map(([name, label]) => [label, percent(numbers[name])])) : null,
  ];
}

export async function show(main, { id, signal }) {
  const view = new Following(await get(`/v1/defenses/${encodeURIComponent(id)}`, { signal }), signal);
  refill(main, view.whole);
  await view.follow();
}

class Following {
  #losses = {};
  #steps = 1;
  #attempt = 0;

  constructor(defense, signal) {
    this.defense = defense;
    this.signal = signal;
    this.state = el("p", { class: "state" });
    this.stages = el("ol", { class: "stages", "aria-label": "Stages" });
    this.bar = el("progress", { max: 1, value: 0, "aria-label": "Progress" });
    this.left = el("p", { class: "left" });
    this.chart = el("figure", { hidden: true });
    this.numbers = el("div");
    this.warnings = el("ul", { class: "warnings" });
    this.actions = el("div", { class: "actions" });
    this.trouble = el("div");
    this.log = el("ol", { class: "log" });
    this.whole = [
      el("h1", { tabindex: "-1" }, defense.name ?? "Defense"),
      this.state, this.stages, this.bar, this.left, this.actions, this.trouble,
      this.warnings, this.numbers, this.chart,
      el("details", {}, el("summary", {}, "Everything that happened"), this.log),
      el("details", {}, el("summary", {}, "What was asked for"), el("pre", { tabindex: "0" }, JSON.stringify(asked(defense), null, 1))),
      commands(follow(defense.id)),
    ];
    this.#draw();
  }

  async follow() {
    try {
      for await (const event of events(this.defense.id, this.signal)) this.#take(event);
      if (this.signal.aborted) return;
      this.defense = await get(`/v1/defenses/${this.defense.id}`, { signal: this.signal });
      this.#draw();
    } catch (error) {
      if (error.name !== "AbortError") refill(this.trouble, alarm(error));
    }
  }

  #take(event) {
    const { type, data } = event;
    if (event.attempt > this.#attempt) {
      [this.#attempt, this.#losses] = [event.attempt, {}]; // another worker begins anew
    }
    if (type === "progress") this.#step(data);
    else this.log.append(el("li", {}, moment(event.created_at), ` ${type}: ${told(type, data)}`));
    if (type === "stage") Object.assign(this.defense, { status: "running", stage: data.stage });
    if (type === "status") Object.assign(this.defense, { status: data.status, error: data.error ?? null });
    if (type === "measured") this.defense.numbers = { ...this.defense.numbers, ...known(data.numbers ?? data) };
    if (type === "warning") this.warnings.append(el("li", {}, data.message));
    if (type === "stage" || type === "status") announce([this.defense.status, data.stage].filter(Boolean).join(", "));
    if (type === "stage") this.bar.value = Math.max(this.bar.value, STAGES.indexOf(data.stage) / STAGES.length);
    this.#draw();
  }

  #step({ part, step, steps, losses = {}, remaining_seconds: left, fraction }) {
    this.left.textContent = `${part === "search" ? "Search step" : "Step"} ${step} of ${steps}${left === null || left === undefined ? "" : `, about ${seconds(left)} left`}`;
    for (const [name, value] of Object.entries(losses)) {
      (this.#losses[name] ??= []).push([step, value]);
      this.#steps = Math.max(steps, 1); // of the optimisation; the search for evidence has others
    }
    if (steps >= 4 && step % Math.floor(steps / 4) === 0) announce(this.left.textContent);
    const at = STAGES.indexOf(this.defense.stage);
    if (at >= 0) this.bar.value = Math.max(this.bar.value, (at + (fraction ?? step / Math.max(steps, 1))) / STAGES.length);
  }

  #draw() {
    const { status, stage, numbers, error } = this.defense;
    const over = ENDED.includes(status);
    refill(this.state, badge(status), ` ${this.defense.id}`);
    const now = STAGES.indexOf(stage);
    refill(this.stages, STAGES.map((name, index) => {
      const done = status === "succeeded" || index < now;
      const current = !over && index === now;
      return el("li", { class: done ? "done" : current ? "now" : "", "aria-current": current ? "step" : null }, name);
    }));
    this.bar.hidden = over;
    if (over) this.left.textContent = took(this.defense);
    if (error) refill(this.trouble, el("div", { class: "box bad", role: "alert" }, el("strong", {}, error.code), el("p", {}, error.message)));
    refill(this.numbers, measured(numbers));
    this.#drawChart();
    this.#drawActions(over);
  }

  #drawChart() {
    const names = Object.keys(this.#losses);
    this.chart.hidden = names.length === 0;
    if (!names.length) return;
    const legend = names.map((name, index) => el("span", { class: "key" }, sample(index), name));
    const told = el("small", {}, "What the repair weighs against each other, so not each of them falls.");
    refill(this.chart, el("figcaption", {}, "Losses ", legend, " ", told), curves(this.#losses, this.#steps));
  }

  #drawActions(over) {
    const { id, model_id: model, has_report: report, status } = this.defense;
    const wanted = `${status} ${model} ${report}`;
    if (this.actions.dataset.shown === wanted) return; // so that focus stays where it is
    this.actions.dataset.shown = wanted;
    const stop = async () => {
      this.defense = await send("POST", `/v1/defenses/${id}/cancel`);
      refill(this.trouble, commands(cancel(id)));
      this.#draw();
    };
    refill(
      this.actions,
      report ? el("a", { class: "button main", href: `#/reports/${id}` }, "Report") : null,
      model ? el("a", { class: "button", href: `#/models/${model}` }, "Try the repaired model") : null,
      over || status === "cancelling" ? null : button("Cancel", stop, { place: this.trouble }),
    );
  }
}

const known = (numbers) => Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== null));

function told(type, data) {
  if (type === "status") return data.error ? `${data.status} (${data.error.code})` : data.status;
  return data.stage ?? data.message ?? JSON.stringify(data);
}

function took({ started_at: from, finished_at: to }) {
  return from && to ? `Took ${seconds((new Date(to) - new Date(from)) / 1000)}` : "";
}

const asked = ({ inputs, description, target_class, config, evidence, attack_tests }) => ({
  inputs, description, target_class, config, evidence, attack_tests,
});
