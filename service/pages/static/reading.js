// What can be said of a file before it is sent. The service looks again, and is the one to decide.

import { recognised } from "./recognising.js";
import { bytes } from "./showing.js";
import { beginning, entries } from "./zips.js";

const MOST_HEADER = 16 << 20;
const MOST_CONFIG = 8 << 20; // bytes
const MOST_LABELS = 8_000_000; // bytes
const IMAGE = /\.(png|jpe?g|webp|bmp|gif|tiff?|ppm|pgm)$/i;
const TAR = /\.(tar|tgz|tar\.(gz|bz2|xz))$/i;
const AFTER_VERSION = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42]; // fields that an ONNX file may go on with
const LABELS = { i8: "getBigInt64", u8: "getBigUint64", i4: "getInt32", u4: "getUint32", i2: "getInt16", u2: "getUint16", i1: "getInt8", u1: "getUint8" };

/** {lines, warnings, guess?, own?, hub?} of a model's file; `own`: the description that it carries,
 *  of a Hugging Face folder {folder, classes}; `hub`: {config, classes} of one that says too little. */
export async function model(file) {
  const start = new Uint8Array(await file.slice(0, 8).arrayBuffer());
  const length = start.length === 8 ? Number(new DataView(start.buffer).getBigUint64(0, true)) : 0;
  if (start[0] === 0x50 && start[1] === 0x4b) return archive(file);
  if (length < 2 || length > Math.min(MOST_HEADER, file.size - 8)) {
    if (start[0] === 0x08 && AFTER_VERSION.includes(start[2])) return graph(file);
    return { lines: [bytes(file.size)], warnings: ["This is neither safetensors, nor a file of torch.save, nor ONNX, nor a zipped Hugging Face folder."] };
  }
  try {
    return weights(JSON.parse(await file.slice(8, 8 + length).text()), file.size);
  } catch {
    return { lines: [bytes(file.size)], warnings: ["The header of this file cannot be read."] };
  }
}

/** What the service makes of it: `own` without an input, because only the file knows. */
function graph(file) {
  const lines = [`ONNX, ${bytes(file.size)}`, "Its graph is read in the sandbox, nothing is run.", "Its images are taken to be pixels from 0 to 1."];
  return { lines, warnings: [], own: { architecture: { name: "onnx" }, classes: [] } };
}

async function archive(file) {
  const found = (await entries(file)) ?? [];
  const names = found.map((entry) => entry.name);
  const config = found.filter(({ name }) => /(^|\/)config\.json$/.test(name)).sort((a, b) => depth(a) - depth(b))[0];
  if (config) return folder(file, found, config);
  const lines = [`PyTorch checkpoint, ${bytes(file.size)}`, "Its tensors are read in the sandbox, nothing is run."];
  if (names.some((name) => name.endsWith("data.pkl"))) {
    const program = names.some((name) => name.includes("/code/"));
    return { lines, warnings: program ? ["TorchScript is a program; export a state_dict instead."] : [] };
  }
  return { lines: [bytes(file.size)], warnings: ["A zip file that torch.save did not write."] };
}

const depth = ({ name }) => name.split("/").length;

/** A Hugging Face folder: the service takes architecture, images and classes out of it. */
async function folder(file, found, config) {
  const root = config.name.slice(0, -"config.json".length);
  const has = (pattern) => found.some(({ name }) => name.startsWith(root) && pattern.test(name.slice(root.length)));
  const lines = [`Hugging Face folder, ${bytes(file.size)}`];
  const warnings = has(/^(model(-\d{5}-of-\d{5})?\.safetensors|pytorch_model\.bin)$/) ? [] : ["There are no weights beside config.json."];
  let said;
  try {
    said = JSON.parse(new TextDecoder().decode(await beginning(file, config, MOST_CONFIG)));
  } catch {
    return { lines, warnings: ["config.json cannot be read.", ...warnings] };
  }
  const classes = Object.entries(said.id2label ?? {}).sort(([a], [b]) => a - b).map(([, name]) => String(name));
  lines.push(`${said.model_type}, ${classes.length} classes`);
  if (!has(/^preprocessor_config\.json$/)) {
    return { lines, warnings: ["preprocessor_config.json is missing, so describe the images below.", ...warnings], hub: { config: said, classes } };
  }
  return { lines: [...lines, "Describes itself: config.json and preprocessor_config.json"], warnings, own: { folder: said.model_type, classes } };
}

function weights(header, size) {
  const { __metadata__: metadata = {}, ...tensors } = header;
  const shapes = Object.fromEntries(Object.entries(tensors).map(([name, one]) => [name, one.shape]));
  const count = Object.values(shapes).reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const lines = [`safetensors, ${bytes(size)}`, `${Object.keys(shapes).length} tensors, ${count.toLocaleString()} numbers`];
  if (metadata["polarizer.architecture"]) {
    const own = Object.fromEntries(["architecture", "input", "classes"].map((part) => [part, JSON.parse(metadata[`polarizer.${part}`])]));
    return { lines: [...lines, `Describes itself: ${own.architecture.name}, ${own.classes.length} classes`], warnings: [], own };
  }
  const guess = recognised(shapes);
  const said = guess ? `Looks like ${guess.name}, width ${guess.width}, ${guess.num_classes} classes` : "An architecture that is not known by its names here; describe it below.";
  return { lines: [...lines, said], warnings: [], guess };
}

/** {lines, warnings, shape?} of a file of images; `shape`: [height, width, channels]. */
export async function images(file) {
  const found = await entries(file);
  if (found === null) {
    const lines = [bytes(file.size)];
    return TAR.test(file.name)
      ? { lines: [`tar archive, ${bytes(file.size)}`, "Its folders are read when the work begins."], warnings: [] }
      : { lines, warnings: ["This is neither a zip or tar of class folders nor an .npz."] };
  }
  const labels = found.find((entry) => entry.name === "labels.npy");
  const pixels = found.find((entry) => entry.name === "images.npy");
  return labels && pixels ? arrays(file, pixels, labels) : folders(found, file.size);
}

function folders(found, size) {
  const pictures = found.filter((entry) => IMAGE.test(entry.name) && !entry.name.includes("__MACOSX"));
  const counts = new Map();
  for (const { name } of pictures) {
    const folder = name.split("/").at(-2) ?? "(no folder)";
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const lines = [`zip, ${bytes(size)}`, `${pictures.length} images in ${counts.size} folders`, shown(counts)];
  return { lines, warnings: counts.size < 2 ? ["Fewer than two folders of images were found."] : [] };
}

async function arrays(file, pixels, labels) {
  const lines = [`.npz, ${bytes(file.size)}`];
  try {
    const { shape, type } = head(await beginning(file, pixels, 512));
    const wanted = Math.min(labels.size, MOST_LABELS);
    const counts = counted(await beginning(file, labels, wanted));
    const [count, height, width, channels = 1] = shape;
    lines.push(`${count} images of ${height}×${width}, ${channels} channel${channels === 1 ? "" : "s"}, ${type === "u1" ? "8 bits" : type}`);
    lines.push(`${counts.size} classes: ${shown(counts)}`);
    return { lines, warnings: [], shape: [height, width, channels] };
  } catch {
    return { lines, warnings: ["The arrays of this file cannot be read here."] };
  }
}

/** Shape, type and where the numbers begin, of an .npy. */
function head(content) {
  const view = new DataView(content.buffer, content.byteOffset, content.length);
  const long = content[6] > 1;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const text = new TextDecoder().decode(content.subarray(start, start + length));
  const shape = /'shape': \(([^)]*)\)/.exec(text)[1].split(",").filter((part) => part.trim()).map(Number);
  return { shape, type: /'descr': '[<|=]?(\w+)'/.exec(text)[1], start: start + length, view };
}

function counted(content) {
  const { shape, type, start, view } = head(content);
  const [read, size] = [LABELS[type], Number(type.slice(1))];
  const counts = new Map();
  for (let index = 0; index < shape[0] && start + (index + 1) * size <= view.byteLength; index++) {
    const label = String(view[read](start + index * size, true));
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}

function shown(counts) {
  const sorted = [...counts].sort(([a], [b]) => a.localeCompare(b, undefined, { numeric: true }));
  const first = sorted.slice(0, 12).map(([name, count]) => `${name} (${count})`).join(", ");
  return sorted.length > 12 ? `${first}, and ${sorted.length - 12} more` : first;
}
