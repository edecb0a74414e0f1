"""What MkDocs calls while it builds the site (``hooks`` in ``mkdocs.yml``).

Needs the root of the repository on ``sys.path``: build with ``python -m mkdocs``.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from handbook import navigation, reference
from handbook.relinking import Relinker

ROOT = Path(__file__).parents[1]
OURS = {"index.md": "handbook/landing.md", "assets/icon.svg": "service/pages/static/icon.svg"}
"""Files of the site by their places in the repository."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages, and whatever pages point at outside ``docs/``; then puts all of
    them into the navigation."""
    for uri, path in OURS.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    for uri, make in reference.PAGES.items():
        files.append(File.generated(config, uri, content=make()))
    for uri, content in _relinker(config).sources(_pages(files)).items():
        files.append(File.generated(config, uri, content=content))
    config.nav = navigation.tree(file.src_uri for file in files.documentation_pages())
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Points links that leave ``docs/`` at what the site holds of the repository."""
    return _relinker(config).relinked(markdown, page.file.src_uri)


def _relinker(config: MkDocsConfig) -> Relinker:
    return Relinker(ROOT, Path(config.docs_dir))


def _pages(files: Files) -> dict[str, str]:
    return {
        file.src_uri: file.content_string
        for file in files.documentation_pages()
        if file.generated_by is None
    }
