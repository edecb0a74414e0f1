// One repaired model: what it is, and what it says of an image of one's own.

import { ask, save, send } from "./api.js";
import { measured } from "./defense.js";
import { announce, el, put, refill, tick } from "./dom.js";
import { dropZone } from "./dropping.js";
import { alarm, badge, button, bytes, commands, moment, percent } from "./showing.js";
import { download, predict, signature, switchAlarm } from "./snippets.js";

const TYPES = "image/png,image/jpeg,image/webp";

export async function show(main, { id, signal }) {
  const place = `/v1/models/${encodeURIComponent(id)}`;
  const answer = await ask("GET", place, { signal });
  const model = await answer.json();
  const signed = answer.headers.has("Link"); // to its signature
  const results = el("div", { class: "results" });
  const trouble = el("div");
  const done = el("div");
  const { architecture, input, classes } = model.description;
  put(
    main,
    el("h1", { tabindex: "-1" }, model.name ?? "Repaired model"),
    el("p", { class: "state" }, model.id),
    el("dl", {},
      fact("Architecture", `${architecture.name}; ${input.channels}×${input.height}×${input.width}; ${classes.length} classes`),
      fact("Method", model.method), fact("File", bytes(model.size)), fact("Made", moment(model.created_at)),
      fact("Alarm", alarmFacts(model.alarm))),
    el("div", { class: "actions" },
      button("Download", async () => {
        await save(`${place}/file?redirect=false`, `${model.id}.safetensors`);
        refill(done, commands(download(model.id)));
      }, { place: trouble }),
      signed ? button("Save the signature", async () => {
        await save(`${place}/signature`, "model.sig");
        refill(done, commands(signature(model.id)));
      }, { place: trouble }) : null,
      model.defense_id ? el("a", { class: "button", href: `#/reports/${model.defense_id}` }, "Report") : null),
    el("h2", {}, "Try it"),
    model.alarm ? alarmSwitch(model, place, trouble, done) : null,
    dropZone("Images", "PNG, JPEG or WebP", (files) => tryImages(files), { accept: TYPES, multiple: true }),
    trouble, results, done,
    el("h2", {}, "Measured"), measured(model.numbers),
  );

  async function tryImages(files) {
    refill(trouble);
    announce("Asking the model");
    const form = new FormData();
    for (const file of files) form.append("image", file, file.name);
    try {
      const answer = await send("POST", `${place}/predict?top=5`, undefined, { body: form, signal });
      refill(results, answer.predictions.map((one) => result(files[one.index], one)));
      refill(done, commands(predict(model.id, files.map((file) => file.name))));
      announce(answer.predictions.map(spoken).join("; "));
    } catch (error) {
      if (error.name !== "AbortError") refill(trouble, alarm(error));
    }
  }
}

const fact = (name, value) => [el("dt", {}, name), el("dd", {}, value)];

function alarmFacts(alarm) {
  if (!alarm) return "none: no clean image was held out to calibrate it on";
  return `flags at most ${percent(alarm.rate)} of clean images; chosen on ${alarm.images}, of which it flags ${alarm.flagged}`;
}

function alarmSwitch(model, place, trouble, done) {
  const { box, line } = tick("Compare with the model as it came, and flag what disagrees", model.alarm.on);
  box.addEventListener("change", async () => {
    const on = box.checked;
    box.disabled = true;
    try {
      await send("PUT", `${place}/alarm`, { on });
      announce(on ? "The alarm is on" : "The alarm is off");
      refill(done, commands(switchAlarm(model.id, on)));
    } catch (error) {
      box.checked = !on;
      refill(trouble, alarm(error));
    } finally {
      box.disabled = false;
    }
  });
  return line;
}

function result(file, { top, base_top: base, flagged }) {
  const address = URL.createObjectURL(file);
  const free = () => URL.revokeObjectURL(address);
  const image = el("img", { src: address, alt: file.name, onload: free, onerror: free });
  return el(
    "article",
    { class: "box result", "aria-label": file.name },
    el("div", { class: "shown" }, image, el("small", {}, file.name), flag(flagged)),
    answers("Model as it came", base),
    answers("Repaired model", top),
  );
}

function flag(flagged) {
  if (flagged === null) return badge("alarm off", "off");
  return flagged ? [badge("⚑ flagged", "failed"), el("small", {}, "may carry a trigger")] : badge("✓ not flagged", "succeeded");
}

function answers(title, list) {
  const rows = list?.map(({ label, probability }) => el(
    "li",
    {},
    el("span", { class: "name" }, label),
    el("meter", { max: 1, value: probability, "aria-label": `${label} ${percent(probability)}` }),
    el("span", { class: "share" }, percent(probability)),
  ));
  return el("div", { class: "answers" }, el("h3", {}, title), rows ? el("ol", {}, rows) : el("p", {}, "not asked while the alarm is off"));
}

const spoken = ({ top, flagged }) => `${top[0].label}, ${flagged ? "flagged" : "not flagged"}`;
