"""Class folders of an archive → images and labels at the model's size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from polarizer.datasets.decoding import decode_image
from polarizer.datasets.labels import Labels, match_folders
from polarizer.datasets.limits import DatasetLimits
from polarizer.datasets.paths import is_image, is_junk
from polarizer.datasets.report import Tally
from polarizer.description import InputSpec
from polarizer.errors import DatasetFormatError, DatasetImagesError
from polarizer.listing import shown, some

Path = tuple[str, ...]
Members = Iterable[tuple[Path, bytes | None]]


@dataclass
class FolderImages:
    """Collects the images of an archive, in any order; :meth:`labelled` sorts them by path."""

    spec: InputSpec
    limits: DatasetLimits
    resized: int = 0
    damaged: Tally = field(default_factory=Tally)
    ignored: Tally = field(default_factory=Tally)
    _found: dict[Path, NDArray[np.uint8] | None] = field(default_factory=dict)

    def wanted(self, path: Path) -> bool:
        """Whether the file at ``path`` should be read at all."""
        if is_junk(path):
            return False
        if not is_image(path) or len(path) < 2:
            self.ignored.add(shown("/".join(path)))
            return False
        return True

    def add_all(self, members: Members) -> None:
        """Decode the ``(path, content)`` of ``members``; without content it counts as damaged."""
        room = self.limits.max_decoded_bytes // (
            self.spec.channels * self.spec.height * self.spec.width
        )
        for path, content in members:
            if path in self._found:
                raise DatasetFormatError(f"the archive holds {shown('/'.join(path))} twice")
            if len(self._found) >= room:
                raise DatasetFormatError(
                    f"the data set has more than the {room:,} images of this size that are read"
                )
            self._found[path] = self._decoded(path, content)

    def labelled(
        self, classes: tuple[str, ...], labels: Labels
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """``(images, labels)``: uint8 (N, C, H, W) and int64 (N,), sorted by path.

        Raises :class:`DatasetImagesError` when no image is left or too many are damaged, and
        :class:`DatasetLabelsError` for folders that are no class.
        """
        self._check_damage()
        inside = _without_wrapper(sorted(self._found), classes)
        indices = match_folders({short[0] for short, _ in inside}, classes, labels)
        whole = [(short[0], self._found[path]) for short, path in inside]
        images = [pixels for _, pixels in whole if pixels is not None]
        known = [indices[folder] for folder, pixels in whole if pixels is not None]
        return np.stack(images), np.array(known, np.int64)

    def _decoded(self, path: Path, content: bytes | None) -> NDArray[np.uint8] | None:
        name = "/".join(path)
        if content is not None:
            try:
                pixels, resized = decode_image(content, self.spec, self.limits, name=name)
            except DatasetImagesError:
                content = None
            else:
                self.resized += resized
                return pixels
        self.damaged.add(shown(name))
        return None

    def _check_damage(self) -> None:
        if self.damaged.count == len(self._found):
            beside = f"; ignored were {some(self.ignored.names)}" if self.ignored.count else ""
            raise DatasetImagesError(
                f"the archive holds no readable image in a class folder{beside}. "
                f"Damaged: {some(self.damaged.names)}. Send one folder a class, with image files"
            )
        if self.damaged.count > self.limits.max_damaged * len(self._found):
            raise DatasetImagesError(
                f"{self.damaged.count} of {len(self._found)} images are damaged, more than "
                f"{self.limits.max_damaged:.0%}: {some(self.damaged.names)}"
            )


def _without_wrapper(paths: list[Path], classes: tuple[str, ...]) -> list[tuple[Path, Path]]:
    """``(path below the wrapping folders, path)``; a wrapping folder holds everything."""
    inside = list(paths)
    while (
        all(len(path) > 2 for path in inside)
        and len({path[0] for path in inside}) == 1
        and inside[0][0] not in classes
    ):
        inside = [path[1:] for path in inside]
    return list(zip(inside, paths, strict=True))
