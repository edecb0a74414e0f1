// A new defense: files, what they are understood to be, options, start.

import { newKey, sendForm } from "./api.js";
import { Description } from "./describing.js";
import { announce, choice, el, field, put, refill, tick } from "./dom.js";
import { dropZone } from "./dropping.js";
import * as reading from "./reading.js";
import { alarm, bytes, commands, percent } from "./showing.js";
import { defend } from "./snippets.js";

const METHODS = [
  ["", "Automatic"], ["deep", "deep"], ["stage", "stage"], ["npd", "npd, as published"],
  ["r-cnpd", "r-cnpd"], ["e-cnpd", "e-cnpd"], ["a-cnpd", "a-cnpd"],
];
const TESTS = [
  ["reactivation", "Reactivation: a small change to triggered images is sought that opens the door again"],
  ["black-box-reactivation", "Black-box reactivation: the same, by the model's answers alone"],
  ["retuning", "Retuning: the repaired model is trained on with a few poisoned images"],
];
const DESCRIBE = "What a file of weights does not say: which network it is, and how its images are prepared. "
  + "A wrong mean or standard deviation is the most common mistake; it costs accuracy.";

export function show(main, { signal }) {
  new NewDefense(main, signal);
}

class NewDefense {
  #files = {};
  #understood = {};
  #own = null; // the description that the model's file carries
  #signal;
  #key = newKey();

  constructor(main, signal) {
    this.#signal = signal;
    this.description = new Description(() => this.#changed());
    this.summary = el("div", { class: "box", "aria-live": "polite" });
    this.progress = el("div");
    this.start = el("button", { type: "button", class: "main", onclick: () => this.#start() }, "Start the repair");
    this.#options();
    put(main, ...this.#draw());
    refill(this.hint, DESCRIBE);
    this.#changed();
  }

  #draw() {
    return [
      el("h1", { tabindex: "-1" }, "Repair a model"),
      el("p", {}, "Give a classifier that you suspect and a few hundred clean images, and get it back repaired, with a report. Nothing is sent before you start."),
      el(
        "section",
        { "aria-labelledby": "files" },
        el("h2", { id: "files" }, "1. Files"),
        el("div", { class: "drops" },
          this.#zone("model", "Suspect model", "safetensors, a state_dict checkpoint, ONNX, or a Hugging Face folder as zip", reading.model),
          this.#zone("clean", "Clean images", "zip or tar of class folders, or .npz", reading.images),
          dropZone("Description", "model.json, if there is one", ([file]) => this.#describe(file), { accept: ".json,application/json" })),
      ),
      el(
        "section",
        { "aria-labelledby": "describe" },
        el("h2", { id: "describe" }, "2. Description"),
        this.hint = el("p", {}),
        this.form = el("div", {}, this.description.form),
      ),
      el(
        "section",
        { "aria-labelledby": "how" },
        el("h2", { id: "how" }, "3. Options"),
        this.optionsForm,
      ),
      el(
        "section",
        { "aria-labelledby": "check" },
        el("h2", { id: "check" }, "4. What was understood"),
        this.summary,
        this.start,
        this.progress,
      ),
    ];
  }

  #options() {
    const number = (most) => el("input", { type: "number", min: 0, max: most, placeholder: "default" });
    this.options = {
      name: el("input", { maxlength: 200, autocomplete: "off" }),
      method: choice(METHODS),
      steps: number(100_000),
      seed: number(2 ** 53 - 1),
      target: el("input", { autocomplete: "off" }),
      evidence: tick("Look for triggers without having seen one (recommended; takes some more time)", true),
      tests: TESTS.map(([name, told]) => tick(told, false, name)),
    };
    const { name, method, steps, seed, target, evidence, tests } = this.options;
    this.optionsForm = el(
      "div",
      { oninput: () => this.#changed() },
      el("div", { class: "fields" },
        field("Name", name, "for people; the repaired model gets it too"),
        field("Method", method, "automatic: what we measured to be best"), field("Steps", steps), field("Seed", seed)),
      evidence.line,
      el(
        "details",
        {},
        el("summary", {}, "I have images with the trigger, or a test set"),
        el("div", { class: "drops" },
          this.#zone("test", "Test images", "for measuring only", reading.images),
          this.#zone("triggered", "Triggered images", "with their true labels", reading.images)),
        el("div", { class: "fields" }, field("Target class", target, "index or name that the trigger leads to")),
        el("fieldset", {}, el("legend", {}, "Let an attacker who knows the trigger try on the repaired model"), tests.map((one) => one.line)),
      ),
    );
  }

  #zone(role, label, hint, read) {
    return dropZone(label, hint, async ([file]) => {
      this.#files[role] = file;
      const found = await read(file).catch(() => ({ lines: [], warnings: ["This file cannot be read."] }));
      if (this.#files[role] !== file) return; // another one was chosen meanwhile
      this.#understood[role] = found;
      if (role === "model") this.#modelRead(found);
      if (role === "clean" && found.shape) this.description.size(found.shape[0], found.shape[1]);
      this.#changed();
    });
  }

  #modelRead({ own = null, guess = null, hub = null }) {
    this.#own = own;
    if (guess) this.description.guess(guess);
    if (hub) {
      const { config, classes } = hub;
      this.description.guess({ name: "huggingface", config, channels: config.num_channels ?? 3, num_classes: classes.length });
      this.description.fill({ classes });
    }
    refill(this.hint, own ? "The file describes itself; nothing is to be done here." : DESCRIBE);
    refill(this.form, own ? null : this.description.form);
  }

  async #describe(file) {
    try {
      this.description.fill(JSON.parse(await file.text()));
    } catch {
      refill(this.progress, alarm(new Error(`${file.name} is not a description in JSON`)));
    }
  }

  /** Everything but files and description, as the API takes it. */
  get request() {
    const { name, method, steps, seed, target, evidence, tests } = this.options;
    const config = {};
    if (method.value) config.method = method.value;
    if (steps.value) config.steps = Number(steps.value);
    if (seed.value) config.seed = Number(seed.value);
    const chosen = tests.filter(({ box }) => box.checked).map(({ box }) => box.value);
    return {
      ...(name.value.trim() ? { name: name.value.trim() } : {}),
      ...(target.value.trim() ? { target_class: this.#target(target.value.trim()) } : {}),
      ...(chosen.length ? { attack_tests: chosen } : {}),
      ...(evidence.box.checked ? {} : { evidence: null }),
      ...(Object.keys(config).length ? { config } : {}),
    };
  }

  #target(text) {
    const named = (this.#own ?? this.description.value).classes.includes(text);
    return !named && /^\d+$/.test(text) ? Number(text) : text;
  }

  get #missing() {
    const found = this.#own ? [] : this.description.objections;
    if (!this.#files.clean) found.unshift("Choose clean images.");
    if (!this.#files.model) found.unshift("Choose a model.");
    if (Boolean(this.#files.triggered) !== Boolean(this.options.target.value.trim())) {
      found.push("Triggered images and the target class go together.");
    }
    return found;
  }

  #changed() {
    if (!this.start) return; // still being put together
    this.#key = newKey(); // another request; the same one may be sent again and makes one defense
    const missing = this.#missing;
    const roles = Object.entries(this.#understood).map(([role, { lines, warnings }]) => [
      el("dt", {}, role),
      el("dd", {}, lines.map((line) => el("div", {}, line)), warnings.map((line) => el("div", { class: "warn" }, line))),
    ]);
    const sent = { ...this.request, description: this.#own ? null : this.description.value };
    refill(
      this.summary,
      el("dl", {}, roles, el("dt", {}, "description"), el("dd", {}, this.#told())),
      missing.length ? el("ul", { class: "missing" }, missing.map((line) => el("li", {}, line))) : el("p", {}, "Ready to start."),
      el("details", {}, el("summary", {}, "As it will be sent"), el("pre", { tabindex: "0" }, JSON.stringify(sent, null, 1))),
      missing.length ? null : commands(defend(this.#files, sent.description, this.request)),
    );
    this.start.disabled = missing.length > 0;
  }

  #told() {
    if (this.#own?.folder) return `the folder's own: ${this.#own.folder}; ${this.#own.classes.length} classes`;
    const { architecture, input, classes } = this.#own ?? this.description.value;
    if (!input) return `${architecture.name}; all else as the file says`;
    const width = architecture.width ? `, width ${architecture.width}` : "";
    return `${architecture.name}${width}; ${input.channels}×${input.height}×${input.width}; ${classes.length} classes`;
  }

  async #start() {
    const bar = el("progress", { max: 1, value: 0, "aria-label": "Sent" });
    const told = el("p", {}, "Sending…");
    const stop = new AbortController();
    this.#signal.addEventListener("abort", () => stop.abort());
    const cancel = el("button", { type: "button", onclick: () => stop.abort() }, "Stop sending");
    refill(this.progress, told, bar, cancel);
    this.start.disabled = true;
    const size = Object.values(this.#files).reduce((sum, file) => sum + file.size, 0);
    const onProgress = (share) => {
      bar.value = share;
      told.textContent = share < 1 ? `Sent ${percent(share)} of ${bytes(size)}` : "Sent; waiting for the answer";
    };
    try {
      const headers = { "Idempotency-Key": this.#key };
      const made = await sendForm("/v1/defenses", this.#form(), headers, onProgress, stop.signal);
      announce("The repair has been asked for");
      location.hash = `#/defenses/${made.id}`;
    } catch (error) {
      const stopped = error.name === "AbortError";
      refill(this.progress, stopped ? el("p", {}, "Stopped; nothing was started.") : alarm(error));
      this.start.disabled = false;
    }
  }

  #form() {
    const form = new FormData();
    if (!this.#own) form.append("description", JSON.stringify(this.description.value));
    form.append("request", JSON.stringify(this.request));
    for (const [role, file] of Object.entries(this.#files)) form.append(role, file, file.name);
    return form;
  }
}
