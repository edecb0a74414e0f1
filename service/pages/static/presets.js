// Descriptions that many models have, to begin from.

const numbered = (count) => Array.from({ length: count }, (_, index) => String(index));
const described = (architecture, channels, side, mean, std, classes) => ({
  architecture: { ...architecture, channels, num_classes: classes.length },
  input: { channels, height: side, width: side, mean, std },
  classes,
});
const PREACT = { name: "preact_resnet18", width: 64 };

/** Name for people → description as the API takes it. */
export const PRESETS = {
  "CIFAR-10": described(PREACT, 3, 32, [0.4914, 0.4822, 0.4465], [0.247, 0.243, 0.261], [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
  ]),
  "CIFAR-100 (classes by number)": described(PREACT, 3, 32, [0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762], numbered(100)),
  "GTSRB traffic signs (43, by number)": described(PREACT, 3, 32, [0, 0, 0], [1, 1, 1], numbered(43)),
  "Tiny ImageNet (200, by number)": described(PREACT, 3, 64, [0.4802, 0.4481, 0.3975], [0.2302, 0.2265, 0.2262], numbered(200)),
  "MNIST": described({ name: "small_cnn", width: 32 }, 1, 28, [0.5], [0.5], numbered(10)),
};

/** Every architecture and what it is called. */
export const ARCHITECTURES = [
  ["preact_resnet18", "PreAct-ResNet-18"],
  ...[20, 32, 44, 56, 110].map((depth) => [`resnet${depth}`, `ResNet-${depth} (CIFAR)`]),
  ["vgg19_bn", "VGG-19 with batch norm"],
  ["small_cnn", "Small CNN"],
  ["huggingface", "Hugging Face, by config.json"],
];

export const WIDTHS = { preact_resnet18: 64, vgg19_bn: 64, small_cnn: 32 };
export const OTHER_WIDTH = 16; // of the CIFAR ResNets
