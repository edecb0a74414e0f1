// The guided description: a form, and the JSON that it makes.

import { choice, el, field, refill } from "./dom.js";
import { ARCHITECTURES, OTHER_WIDTH, PRESETS, WIDTHS } from "./presets.js";

const numbers = (text) => text.split(/[\s,]+/).filter(Boolean).map(Number);
const text = (value) => el("input", { value, autocomplete: "off", spellcheck: "false" });
const count = (value, most) => el("input", { type: "number", min: 1, max: most, value });

/** The form. `onChange` is called whenever the description may be another. */
export class Description {
  #onChange;
  #controls;
  #special = el("div");

  constructor(onChange) {
    this.#onChange = onChange;
    this.#controls = {
      preset: choice([["", "A preset…"], ...Object.keys(PRESETS).map((name) => [name, name])]),
      name: choice(ARCHITECTURES, "preact_resnet18"),
      width: count(64, 1024),
      head: choice([["linear", "one linear layer"], ["mlp", "three, as torchvision's"]], "linear"),
      config: el("textarea", { rows: 4, spellcheck: "false" }),
      channels: count(3, 16),
      height: count(32, 1024),
      pixels: count(32, 1024),
      mean: text("0.5, 0.5, 0.5"),
      std: text("0.5, 0.5, 0.5"),
      classes: el("textarea", { rows: 4, spellcheck: "false" }),
    };
    this.form = this.#draw();
  }

  #draw() {
    const { preset, name, channels, height, pixels, mean, std, classes } = this.#controls;
    const form = el(
      "div",
      { class: "fields", oninput: () => this.#onChange() },
      field("Begin with", preset, "or drop the model's model.json above"),
      field("Architecture", name),
      this.#special,
      field("Channels", channels),
      field("Height, in pixels", height),
      field("Width, in pixels", pixels),
      field("Mean", mean, "per channel, of pixels from 0 to 1"),
      field("Standard deviation", std, "per channel"),
      el("div", { class: "across" }, field("Classes", classes, "names in the order of the logits, one a line or with commas")),
    );
    preset.addEventListener("change", () => preset.value && this.fill(PRESETS[preset.value]));
    name.addEventListener("change", () => {
      this.#controls.width.value = WIDTHS[name.value] ?? OTHER_WIDTH;
      this.#specialise();
    });
    this.#specialise();
    return form;
  }

  #specialise() {
    const { name, width, head, config } = this.#controls;
    const hub = name.value === "huggingface";
    refill(
      this.#special,
      hub ? field("config.json", config, "its content") : field("Width of the first layer", width),
      name.value === "vgg19_bn" ? field("Head", head) : null,
    );
  }

  /** Takes over a description, or a part of one. */
  fill({ architecture, input, classes }) {
    const to = this.#controls;
    if (architecture) {
      to.name.value = architecture.name;
      to.width.value = architecture.width ?? WIDTHS[architecture.name] ?? OTHER_WIDTH;
      to.head.value = architecture.head ?? "linear";
      if (architecture.config) to.config.value = JSON.stringify(architecture.config, null, 1);
      this.#specialise();
    }
    if (input) {
      to.channels.value = input.channels ?? 3;
      [to.height.value, to.pixels.value] = [input.height, input.width];
      [to.mean.value, to.std.value] = [input.mean.join(", "), input.std.join(", ")];
    }
    if (classes) to.classes.value = classes.join("\n");
    this.#onChange();
  }

  /** Takes over what a file was recognised as, and names classes by number where none are named. */
  guess({ channels, num_classes: classes, ...architecture }) {
    const to = this.#controls;
    this.fill({ architecture });
    if (Number(to.channels.value) !== channels) {
      to.channels.value = channels;
      for (const one of [to.mean, to.std]) one.value = Array(channels).fill(0.5).join(", ");
    }
    if (this.#classes().length !== classes) {
      to.classes.value = Array.from({ length: classes }, (_, index) => index).join("\n");
    }
    this.#onChange();
  }

  size(height, width) {
    [this.#controls.height.value, this.#controls.pixels.value] = [height, width];
    this.#onChange();
  }

  #classes() {
    return this.#controls.classes.value.split(/[\n,]/).map((name) => name.trim()).filter(Boolean);
  }

  /** What the form says, as the API takes it. */
  get value() {
    const { name, width, head, channels, height, pixels, mean, std } = this.#controls;
    const classes = this.#classes();
    const architecture = { name: name.value };
    if (name.value === "huggingface") architecture.config = this.#hub();
    else Object.assign(architecture, { width: Number(width.value), channels: Number(channels.value) });
    if (name.value === "vgg19_bn") architecture.head = head.value;
    architecture.num_classes = classes.length;
    return {
      architecture,
      input: {
        channels: Number(channels.value),
        height: Number(height.value),
        width: Number(pixels.value),
        mean: numbers(mean.value),
        std: numbers(std.value),
      },
      classes,
    };
  }

  #hub() {
    try {
      return JSON.parse(this.#controls.config.value);
    } catch {
      return null;
    }
  }

  /** What is wrong with it, in words; the service has the last one. */
  get objections() {
    const { architecture, input, classes } = this.value;
    const found = [];
    if (classes.length < 2) found.push("Name at least two classes.");
    if (new Set(classes).size < classes.length) found.push("Two classes have the same name.");
    for (const [name, list] of [["mean", input.mean], ["standard deviation", input.std]]) {
      if (list.length !== input.channels || list.some(Number.isNaN)) {
        found.push(`The ${name} needs ${input.channels} number(s), one for each channel.`);
      }
    }
    if (input.std.some((value) => value <= 0)) found.push("Standard deviations are above 0.");
    if (architecture.name === "huggingface" && !architecture.config) found.push("config.json is not JSON yet.");
    return found;
  }
}
