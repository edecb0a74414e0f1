"""Links that leave ``docs/``: the site holds copies of what they lead to, so it needs no repository
behind it and no address of one."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = "source"
MOST_SHOWN = 64 << 10  # characters; a longer file is offered as it is
ALWAYS = ("CHANGELOG.md",)

_CODE = re.compile(r"(^(`{3,}|~{3,}).*?^\2[ \t]*$|`[^`\n]*`)", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(\]\(\s*)([^)\s#]*)(#[^)\s]*)?(?=[\s)])")
_LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".json": "json", ".sh": "sh"}


def outside_code(markdown: str, change: Callable[[str], str]) -> str:
    """The text with everything changed but code."""
    parts: list[str] = []
    end = 0
    for match in _CODE.finditer(markdown):
        parts += [change(markdown[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*parts, change(markdown[end:])])


def links(markdown: str) -> Iterator[tuple[str, str]]:
    """Target and anchor (without ``#``) of each inline link that is not in code."""
    prose: list[str] = []
    outside_code(markdown, lambda text: prose.append(text) or "")  # type: ignore[func-returns-value]
    for text in prose:
        for match in _LINK.finditer(text):
            yield match[2], (match[3] or "").removeprefix("#")


def is_relative(target: str) -> bool:
    """Whether it is a path from the page, and no address, absolute path or mere anchor."""
    return bool(target) and not re.match(r"[a-z][a-z0-9+.-]*:|/", target, re.IGNORECASE)


@dataclass(frozen=True)
class Relinker:
    """``docs`` is a folder below ``root``, the repository."""

    root: Path
    docs: Path

    def relinked(self, markdown: str, uri: str) -> str:
        """A page of the site whose links lead to pages of the site."""
        origin = self._origin(uri)

        def point(match: re.Match[str]) -> str:
            path = self._path(origin, match[2])
            if path is None:
                return match[0]
            there = posixpath.relpath(self.uri_of(path), posixpath.dirname(uri) or ".")
            return f"{match[1]}{there}{match[3] or ''}"

        return outside_code(markdown, lambda text: _LINK.sub(point, text))

    def sources(self, pages: Mapping[str, str]) -> dict[str, str]:
        """What pages (content by URI) point at outside ``docs/``, as further pages."""
        wanted = {self.root / name for name in ALWAYS}
        for uri, markdown in pages.items():
            found = (self._path(self._origin(uri), target) for target, _ in links(markdown))
            wanted |= {path for path in found if path is not None and not self._in_docs(path)}
        return {self.uri_of(path): _content(path) for path in wanted if path.exists()}

    def uri_of(self, path: Path) -> str:
        """Where the site has a file or folder of the repository."""
        if self._in_docs(path):
            return path.relative_to(self.docs).as_posix()
        place = f"{FOLDER}/{path.relative_to(self.root).as_posix()}"
        if path.is_dir():
            return f"{place}/index.md"
        shown = path.suffix == ".md" or path.is_file() and not _is_long(path)
        return place if path.suffix == ".md" or not shown else f"{place}.md"

    def _origin(self, uri: str) -> Path:
        """The file of the repository that a page was made of; generated ones stand in docs/."""
        if uri.startswith(f"{FOLDER}/"):
            return self.root / uri.removeprefix(f"{FOLDER}/")
        return self.docs / uri

    def _path(self, origin: Path, target: str) -> Path | None:
        """The file or folder that a relative link means, below the repository; None for others."""
        if not is_relative(target):
            return None
        path = Path(posixpath.normpath((origin.parent / target).as_posix()))
        return path if path.is_relative_to(self.root) else None

    def _in_docs(self, path: Path) -> bool:
        return path.is_relative_to(self.docs)


def _is_long(path: Path) -> bool:
    return path.stat().st_size > MOST_SHOWN


def _content(path: Path) -> str:
    if path.is_dir():
        names = sorted(child.name + "/" * child.is_dir() for child in path.iterdir())
        return f"# {path.name}\n\n" + "".join(f"- `{name}`\n" for name in names)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md" or _is_long(path):
        return text
    longest = max(map(len, re.findall("`+", text)), default=2)
    fence = "`" * max(3, longest + 1)
    return f"# {path.name}\n\n{fence}{_LANGUAGES.get(path.suffix, 'text')}\n{text}\n{fence}\n"
