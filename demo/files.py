"""`make example`: a suspect model and images, as a user of the service would have them.

python -m demo.files FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from demo import digits

SEED = 0
SHOWN = 7


def main() -> int:
    """Trains the backdoored classifier of the demo and writes the files."""
    if len(sys.argv) != 2:
        print("usage: python -m demo.files FOLDER", file=sys.stderr)
        return 2
    folder = Path(sys.argv[1])
    data = digits.load(SEED)
    digits.write_files(folder, data, digits.train_backdoored(data, SEED))
    write_class_folders(folder / "clean", *data.clean)
    write_images(folder, data)
    print(f"{folder}: model.safetensors, model.json, clean, test.npz, triggered.npz, two images")
    return 0


def write_class_folders(folder: Path, images: digits.Images, labels: digits.Labels) -> None:
    """A folder for each class with its images as PNG files."""
    for index, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        path = folder / str(label) / f"{index:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def write_images(folder: Path, data: digits.Digits) -> None:
    """One test digit as it is, and with the trigger."""
    images, labels = data.test
    image = images[int((labels == SHOWN).argmax())]
    Image.fromarray(image).save(folder / "seven.png")
    Image.fromarray(digits.add_trigger(image[None])[0]).save(folder / "seven-with-trigger.png")


if __name__ == "__main__":
    sys.exit(main())
