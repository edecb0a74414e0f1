"""The page says what the report holds, lets nothing in, and can be read without eyes or colours."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from service.reports import page
from service.reports.style import POLICY
from tests.service.reports import samples
from tests.service.reports.test_markup import Read

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' style='position:fixed",
    "\u202egnp.exe",
    "</bdi></td><h1>You may trust this",
)


def tags(html: str, tag: str) -> list[dict[str, str | None]]:
    return [attributes for name, attributes in Read(html).tags if name == tag]


@pytest.fixture(scope="module")
def whole() -> str:
    return page(samples.everything())


def test_the_verdict_comes_first(whole: str) -> None:
    body = Read(whole[whole.index("<main>") :]).text
    assert body.index("Verdict: good") < body.index("The backdoor no longer opens") < 60
    assert body.index("98.7 %") < body.index("Before and after")


@pytest.mark.parametrize(
    "shown",
    ["93.1 %", "91.8 %", "−1.3 points", "airplane", "Anomaly", "won back", "4.25", "npz", "H200"]
    + ["1 min 15 s", "layer5.weight", "25 %", "wrong label", "could not be read", "ab" * 32]
    + ["weights.", "2.13.0", '"seed": 7', "does not prove"],
)
def test_everything_is_on_it(whole: str, shown: str) -> None:
    assert shown in Read(whole).text


def test_what_was_not_measured_is_left_out_or_said() -> None:
    text = Read(page(samples.nothing())).text
    assert "not measured" in text
    assert "It was not asked for." in text
    assert "None was calibrated" in text
    assert "Attack tests" not in text
    assert "None" not in text.replace("None was calibrated", "")


def test_every_link_has_a_target() -> None:
    for report in (samples.nothing(), samples.everything()):
        html = page(report)
        there = {attributes.get("id") for _, attributes in Read(html).tags}
        linked = {str(link["href"]).removeprefix("#") for link in tags(html, "a")}
        assert linked
        assert linked <= there


def test_patches_have_a_table_where_some_were_searched(whole: str) -> None:
    text = Read(whole).text
    assert "Small patches" in text
    assert text.count("98.0 %1.3 %27.0 %") == 2
    old = samples.evidence(5)
    old["classes"] = [
        {key: value for key, value in one.items() if "patch" not in key} for one in old["classes"]
    ]
    assert "Small patches" not in page(samples.everything(evidence=old))


def test_hostile_names_stay_text(whole: str) -> None:
    html = page(samples.everything(HOSTILE))
    harmless = [(tag, sorted(attributes)) for tag, attributes in Read(whole).tags]
    assert [(tag, sorted(attributes)) for tag, attributes in Read(html).tags] == harmless
    text = Read(html).text
    for one in HOSTILE:
        assert one.replace("\u202e", "\ufffd") in text


def test_hostile_texts_of_every_other_kind_stay_text() -> None:
    bad = HOSTILE[0]
    html = page(
        samples.everything(
            warnings=[{"code": "odd", "message": bad}],
            remarks=[bad],
            layers=[bad],
            movement=[{"name": bad, "moved": 0.1}],
            timings={bad: 1.0},
            device=bad,
            versions={bad: bad},
            evidence=samples.evidence(5, words=bad),
            inputs={"model": {"sha256": "ab" * 32, "size": 1, "filename": bad}},
            defense_id=bad,
            losses=[{"step": 1, "losses": {bad: 1.0, "total": 1.0}}] * 2,
        )
    )
    assert tags(html, "script") == []
    assert Read(html).text.count("alert(1)") >= 10


def test_nothing_comes_from_elsewhere(whole: str) -> None:
    assert tags(whole, "script") == tags(whole, "link") == tags(whole, "iframe") == []
    assert all(str(image["src"]).startswith("data:image/png;") for image in tags(whole, "img"))
    assert not re.search(r"\b(src|href)=\"(?!#|data:image/png)", whole)
    assert not any("style" in attributes for _, attributes in Read(whole).tags)
    assert "url(" not in whole
    assert "@import" not in whole


def test_the_policy_lets_the_style_in_and_is_in_the_page(whole: str) -> None:
    style = whole[whole.index("<style>") + 7 : whole.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in POLICY
    assert "default-src 'none'" in POLICY
    assert "unsafe" not in POLICY
    inside = tags(whole, "meta")[1]["content"]
    assert inside
    assert POLICY.startswith(inside)


def test_it_can_be_read_without_eyes(whole: str) -> None:
    assert tags(whole, "html") == [{"lang": "en"}]
    assert all(image["alt"] for image in tags(whole, "img"))
    assert all(header.get("scope") in ("col", "row") for header in tags(whole, "th"))
    assert len(tags(whole, "caption")) == len(tags(whole, "table"))
    for drawing in tags(whole, "svg"):
        assert drawing.get("aria-hidden") == "true" or drawing.get("aria-label")
    levels = [int(tag[1]) for tag, _ in Read(whole).tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))
    assert all(frame["tabindex"] == "0" for frame in tags(whole, "div") if "tabindex" in frame)


def test_it_is_dark_printed_and_narrow_too(whole: str) -> None:
    for case in ("prefers-color-scheme: dark", "@media print", "max-width", "width=device-width"):
        assert case in whole


def test_many_classes_are_cut_and_said_to_be() -> None:
    classes = tuple(f"class {i}" for i in range(300))
    html = page(samples.everything(classes, confusion=None))
    assert "60 of 300 classes are shown" in Read(html).text
    assert len(html) < 200_000


def test_a_long_name_is_cut() -> None:
    classes = (300 * "x", *samples.CLASSES[1:])
    text = Read(page(samples.everything(classes))).text
    assert 59 * "x" + "…" in text
    assert 61 * "x" not in text


def test_the_largest_loss_is_first(whole: str) -> None:
    text = Read(whole[whole.index('id="classes"') :]).text
    assert text.index("deer") < text.index("airplane")
