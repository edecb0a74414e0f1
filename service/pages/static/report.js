// The main things of a report; the whole of it is a file.

import { ownKey } from "./access.js";
import { ask, get, save } from "./api.js";
import { measured } from "./defense.js";
import { el, put, table } from "./dom.js";
import { badge, button, bytes, commands, percent } from "./showing.js";
import { report } from "./snippets.js";

const WORKS = 0.05; // attack success from which an attack is said to work, as in the whole report
const KINDS = { closed: "succeeded", weaker: "running", "still-open": "failed" };

export async function show(main, { id, signal }) {
  const path = `/v1/defenses/${encodeURIComponent(id)}/report`;
  const found = await get(path, { signal, headers: { Accept: "application/json" } });
  const trouble = el("div");
  const asPage = { Accept: "text/html" };
  const whole = el("a", { class: "button main", target: "_blank", rel: "noopener" }, "Open the whole report");
  put(
    main,
    el("h1", { tabindex: "-1" }, "Report"),
    verdict(found),
    el("div", { class: "actions" },
      whole,
      button("Save the page", () => save(path, `${id}.html`, asPage), { place: trouble }),
      button("Model card", () => save(path, "README.md", { Accept: "text/markdown" }), { place: trouble }),
      button("CycloneDX", () => save(path, `${id}.cdx.json`, { Accept: "application/vnd.cyclonedx+json" }), { place: trouble }),
      button("JSON", () => save(path, `${id}.json`, { Accept: "application/json" }), { place: trouble }),
      el("a", { class: "button", href: `#/defenses/${id}` }, "How it went")),
    trouble,
    section("Before and after", measured(found.numbers), found.measured_on === "held_out" ? el("p", {}, "Measured on clean images that were held out: they trained nothing but chose the checkpoint.") : null),
    section("Attack tests", tests(found.attack_tests)),
    section("Trigger-free evidence", evidence(found.evidence, found.model?.classes ?? [])),
    section("The clean images", cleanSet(found.clean_set)),
    section("Warnings", bullets(found.warnings?.map((one) => one.message))),
    section("Remarks", bullets(found.remarks)),
    section("Provenance", provenance(found)),
    commands(report(id)),
  );
  whole.href = await addressOf(path, asPage, signal);
}

/** Where a browser opens the page. A link carries no key: with one it leads to a copy in this tab. */
async function addressOf(path, headers, signal) {
  if (!ownKey()) return path;
  const copy = URL.createObjectURL(await (await ask("GET", path, { headers, signal })).blob());
  signal.addEventListener("abort", () => URL.revokeObjectURL(copy));
  return copy;
}

function section(title, ...content) {
  const there = content.flat().filter(Boolean);
  return there.length ? el("section", {}, el("h2", {}, title), there) : null;
}

const bullets = (lines) => (lines?.length ? el("ul", {}, lines.map((line) => el("li", {}, line))) : null);

/** First what triggered images showed, where some were sent, then the search without them. */
function verdict({ numbers, evidence: found }) {
  const sought = found ? [badge(found.verdict.replaceAll("-", " "), KINDS[found.verdict] ?? "off"), el("p", {}, found.words)]
    : el("p", {}, "Triggers that nobody sent were not looked for.");
  const { attack_success_before: before, attack_success_after: after } = numbers ?? {};
  if (typeof before !== "number" || typeof after !== "number") return el("div", { class: "box verdict" }, sought);
  return el("div", { class: "box verdict" },
    el("h2", {}, "With the triggered images that were sent"),
    opened(before, after),
    el("p", {}, `The trigger sent ${percent(before)} of them to its class before the repair, and ${percent(after)} now.`),
    el("h2", {}, "Without them"), sought);
}

function opened(before, after) {
  if (after <= WORKS && before <= WORKS) return badge("the attack did not work before either", "off");
  if (after <= WORKS) return badge("the backdoor no longer opens", "succeeded");
  return after <= before / 2 ? badge("weaker, but it still opens", "running") : badge("open", "failed");
}

/** What an attacker who knows the trigger won back. */
function tests(found) {
  if (!found?.length) return null;
  const rows = found.map(({ test, purified, base }) => [
    test, percent(purified.asr_before), percent(purified.asr_after), percent(purified.won_back), percent(base.won_back),
  ]);
  return table("Attack tests", ["Test", "Success before", "after", "Won back", "of the model as it came"], rows);
}

/** The suspects first, then those that stand out most. */
function evidence(found, classes) {
  if (!found?.classes.length) return null;
  const name = (label) => classes[label] ?? String(label);
  const suspect = (one) => found.suspects.includes(one.label);
  const sorted = found.classes.toSorted((a, b) => suspect(b) - suspect(a) || b.anomaly_before - a.anomaly_before);
  const rows = sorted.slice(0, 20).map((one) => [
    suspect(one) ? [name(one.label), " ", badge("suspect", "failed")] : name(one.label),
    one.anomaly_before.toFixed(1), one.anomaly_after.toFixed(1),
    percent(one.flips_before), percent(one.flips_after), percent(one.new_flips),
  ]);
  return [
    el("p", {}, "For each class one small change is sought that sends all images there. There always is one; a backdoor's class stands out by how small it is (from about 2.4 on, or when the repair makes it much larger)."),
    table("Evidence by class", ["Class", "Stands out before", "after", "Images sent before", "after", "sought anew"], rows),
    ...patches(found, name),
  ];
}

/** What small squares do, for the classes that they come nearest to. */
function patches(found, name) {
  const share = (one, key) => one[key] ?? 0;
  const sought = found.classes.filter((one) => typeof (one.patch_before ?? one.new_patch) === "number");
  if (!sought.length) return [];
  const rows = sought.toSorted((a, b) => share(b, "patch_before") - share(a, "patch_before")).slice(0, 20).map((one) => [
    name(one.label), percent(one.patch_before), percent(one.patch_after), percent(one.new_patch),
  ]);
  return [
    el("p", {}, "Small squares that cover what is under them were sought, too, for the classes that they come nearest to."),
    table("Small patches", ["Class", "Images sent before", "after", "sought anew"], rows),
  ];
}

function cleanSet(found) {
  if (!found) return null;
  return [
    el("p", {}, `${found.images} images; the suspect model gives ${percent(found.agreement)} of them their label.`),
    bullets(found.findings.map((one) => `${one.severity}: ${one.message}`)),
  ];
}

function provenance(found) {
  const inputs = Object.entries(found.inputs ?? {}).map(([role, one]) => [role, one.filename ?? "–", bytes(one.size), one.sha256]);
  if (found.artefact) inputs.push(["repaired model", "–", bytes(found.artefact.size), found.artefact.sha256]);
  const told = [
    found.method ? `method ${found.method}` : null, found.steps ? `${found.steps} steps` : null,
    found.layers ? `${found.layers.length} layers` : null, found.device, ...Object.entries(found.versions ?? {}).map((pair) => pair.join(" ")),
  ];
  return [el("p", {}, told.filter(Boolean).join(", ")), inputs.length ? table("Files", ["What", "File", "Size", "sha256"], inputs) : null];
}
