"""Folder names find their class by one rule for all of them, or the error lists both sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polarizer.datasets.labels import check_range, match_folders
from polarizer.errors import DatasetLabelsError

NAMES = st.lists(
    st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=6),
    min_size=2,
    max_size=6,
    unique_by=str.casefold,
)


@given(NAMES)
def test_names_as_they_are(names: list[str]) -> None:
    expected = {name: index for index, name in enumerate(names)}
    assert match_folders(names[::-1], tuple(names)) == expected


@given(NAMES)
def test_names_in_another_case(names: list[str]) -> None:
    folders = [name.swapcase() for name in names]
    assert list(match_folders(folders, tuple(names)).values()) == list(range(len(names)))


@pytest.mark.parametrize("folder", ["Polar_Bear", "POLAR BEAR", "polar-bear", "polarbear"])
def test_spaces_hyphens_and_underscores_do_not_matter(folder: str) -> None:
    assert match_folders(["cat", folder], ("polar bear", "cat"))[folder] == 0


@pytest.mark.parametrize("folders", [["0", "2"], ["00", "02"]])
def test_indices(folders: list[str]) -> None:
    assert list(match_folders(folders, ("cat", "dog", "bear")).values()) == [0, 2]


def test_names_go_before_indices() -> None:
    assert match_folders(["0", "1"], ("1", "0")) == {"0": 1, "1": 0}
    assert match_folders(["0", "1"], ("1", "0"), "indices") == {"0": 0, "1": 1}


def test_one_rule_holds_for_all_folders() -> None:
    with pytest.raises(DatasetLabelsError, match="no class of the model: 1"):
        match_folders(["cat", "1"], ("cat", "dog"))


def test_classes_that_differ_only_in_case_need_the_exact_name() -> None:
    assert match_folders(["A"], ("a", "A")) == {"A": 1}
    with pytest.raises(DatasetLabelsError):
        match_folders(["A "], ("a", "A"))


@pytest.mark.parametrize("folder", ["3", "-1", "1.0", "", "٣", "99999999999999999999", "wolf"])
def test_what_is_no_class_is_listed_beside_the_classes(folder: str) -> None:
    with pytest.raises(DatasetLabelsError, match="classes are cat, dog, bear"):
        match_folders(["cat", folder], ("cat", "dog", "bear"))


@given(st.lists(st.integers(-5, 10), min_size=1))
def test_labels_are_indices_of_classes(labels: list[int]) -> None:
    array = np.array(labels, np.int64)
    if all(0 <= label < 4 for label in labels):
        check_range(array, ("a", "b", "c", "d"))
    else:
        with pytest.raises(DatasetLabelsError, match="0 to 3"):
            check_range(array, ("a", "b", "c", "d"))
