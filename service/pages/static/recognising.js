// Which of the known architectures a file's names and shapes are of (docs/formats.md).

const PREFIX = /^(module\.|_orig_mod\.|model\.|net\.)+/;

/** {name, width, channels, num_classes, …} as descriptions have it, or null. */
export function recognised(given) {
  const shapes = Object.fromEntries(Object.entries(given).map(([name, shape]) => [name.replace(PREFIX, ""), shape]));
  const has = (name) => name in shapes;
  if (has("features.0.weight")) return vgg(shapes);
  if (!has("conv1.weight") || !has("linear.weight")) return null;
  const common = { width: shapes["conv1.weight"][0], channels: shapes["conv1.weight"][1], num_classes: shapes["linear.weight"][0] };
  if (has("layer4.0.conv1.weight")) return has("bn1.weight") ? null : { name: "preact_resnet18", ...common };
  if (has("layer3.0.conv1.weight")) return cifar(shapes, common);
  return has("conv3.weight") && has("bn3.weight") ? { name: "small_cnn", ...common } : null;
}

function cifar(shapes, common) {
  let blocks = 0;
  while (`layer1.${blocks}.conv1.weight` in shapes) blocks++;
  const depth = 6 * blocks + 2;
  return [20, 32, 44, 56, 110].includes(depth) ? { name: `resnet${depth}`, ...common } : null;
}

function vgg(shapes) {
  const [width, channels] = shapes["features.0.weight"];
  const last = shapes["classifier.6.weight"] ?? shapes["classifier.weight"];
  if (!last || !("features.49.weight" in shapes)) return null;
  const head = "classifier.6.weight" in shapes ? "mlp" : "linear";
  return { name: "vgg19_bn", width, head, channels, num_classes: last[0] };
}
