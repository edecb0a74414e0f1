from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.defense.rows import Results
from tests.benchmarks.defense.test_rows import ROW

pytest.importorskip("matplotlib", reason="pictures need the bench extra")
from benchmarks.defense.page import write_page

ABOUT = {
    "ours": "stage",
    "device": "cpu",
    "processor": "A processor",
    "threads": 2,
    "torch": "2",
    "day": "2026-01-01",
}
OURS = replace(ROW, defense="stage", seconds=4.0, attack_success=0.02, accuracy=0.88)
ROWS = [
    replace(OURS, defense="none", images=0, accuracy=0.9, attack_success=1.0),
    OURS,
    replace(OURS, images=500),
    replace(ROW, share=0.1),
    replace(ROW, defense="official_npd", accuracy=None, attack_success=None, share=0.04),
    replace(ROW, defense="ft_sam", accuracy=None, seconds=None, problem="stopped after 5 seconds"),
    replace(OURS, model="c", attack="clean", accuracy=0.7),
]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    Results(folder / "defense-small.json", ABOUT, list(ROWS)).write()
    case = {"what": "reference", "images": 2500, "classes": 10, "resolution": 32, "width": 32}
    one = {
        "case": case,
        "parameters": 1000,
        "steps": 2,
        "of_steps": 100,
        "seconds_once": 3.0,
        "seconds_per_step": 0.5,
        "seconds": 53.0,
        "shares": {"checks": 0.25, "rest": 0.75},
        "megabytes": 12.0,
    }
    wide = one | {"case": case | {"what": "width", "width": 64}}
    about = ABOUT | {"method": "stage", "conditions": "a busy machine."}
    content = {"about": about, "cases": [one, wide]}
    (folder / "profile.json").write_text(json.dumps(content))
    answer = {"model": "m", "attack": "lf", "stranger": "innocent", "attack_success": 0.9}
    answer |= {"recovered": 0.0, "by_stranger": 0.125, "recovered_by_stranger": 0.5}
    content = {"about": ABOUT, "answers": [answer]}
    (folder / "strangers.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="module")
def page(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(results, tmp_path_factory.mktemp("docs") / "new" / "defense.md")


def test_the_page_holds_every_table_and_its_pictures_exist(page: Path) -> None:
    text = page.read_text()
    assert "Small table: 1 backdoored models" in text
    assert "At 50 images rivals did 10 % of the published work." in text
    assert "stopped after 5 seconds" in text
    assert "25 %" in text
    pictures = re.findall(r"\]\((.+?\.svg)\)", text)
    assert "A busy machine. One property" in text
    assert "| `m` | lf | 90.0 | `innocent` | 12.5 | 50.0 |" in text
    assert "| reference | 2,500 | 10 | 32 | 32 | 1,000 | 3 | 0.5 | 53 | 12 | 25 % | 75 % |" in text
    assert len(pictures) == 7
    for name in pictures:
        assert (page.parent / name).read_text().rstrip().endswith("</svg>")


def test_averages_stand_in_the_table_of_their_size(page: Path) -> None:
    text = page.read_text()
    small = text.partition("### 50 clean images")[2].partition("###")[0]
    lines = {line.split("|")[1].strip(): line for line in small.splitlines() if line[:3] == "| `"}
    assert set(lines) == {"`stage`", "`ft`", "`official_npd`"}
    assert "| 80.0 | 10.0 |" in lines["`ft`"]
    assert "≈0.5" in lines["`official_npd`"]


def test_clean_models_and_reported_figures_are_apart(page: Path) -> None:
    text = page.read_text()
    unharmed = text.partition("### Models without a backdoor")[2].partition("###")[0]
    assert "| 70.0 | 20.0 |" in unharmed
    measured, _, reported = text.partition("## Reported elsewhere")
    assert "96.39" in reported
    assert "96.39" not in measured


def test_equal_results_make_equal_files(results: Path, page: Path, tmp_path: Path) -> None:
    again = write_page(results, tmp_path / "defense.md")
    for path in page.parent.iterdir():
        assert path.read_bytes() == (again.parent / path.name).read_bytes()


def test_every_line_of_a_table_has_as_many_cells(page: Path) -> None:
    lines = page.read_text().splitlines()
    for above, below in zip(lines, lines[1:], strict=False):
        if above.startswith("|") and below.startswith("|"):
            assert above.count("|") == below.count("|")
