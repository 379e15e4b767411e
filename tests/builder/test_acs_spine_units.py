"""Who belongs together in an ACS household: tax units, SPM units, families, couples."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from builder.frame import Frame
from builder.national.acs import acs_frame
from schemas.errors import BuildError
from tests.builder.acs_sample import Home, person, read_acs

Members = list[dict[str, Any]]


def frame_of(members: Members, folder: Path) -> Frame:
    return acs_frame(read_acs([Home(members)], folder), 2024)


def groups(frame: Frame, entity: str) -> str:
    """Return one letter per person: who has the same letter is in the same group."""
    letters = frame.columns[f"person_{entity}_id"]
    return "".join("abcdefgh"[each - 1] for each in letters)


def roles(frame: Frame) -> str:
    return "".join(each[0] for each in frame.columns["tax_unit_role_input"])


REF, WIFE, PARTNER, SON, BROTHER, MOTHER = 20, 21, 22, 25, 28, 29
GRANDCHILD, PARENT_IN_LAW, SON_IN_LAW, KIN, ROOMMATE, FOSTER, OTHER = 30, 31, 32, 33, 34, 35, 36
CASES: dict[str, tuple[Members, str, str, str, str, str]] = {
    # members; roles; tax units; SPM units; families; marital units
    "couple and children": (
        [person(40, MAR=1), person(38, WIFE, MAR=1), person(18, SON), person(3, SON, SCH="_")],
        *("HSDD", "aaaa", "aaaa", "aaaa", "aabc"),
    ),
    "same-sex couple": ([person(40, MAR=1), person(38, 23, MAR=1)], "HS", "aa", "aa", "aa", "aa"),
    "a son of 19 at home, and one of 23 who studies, and one of 24 who does": (
        [person(50), person(19, SON), person(23, SON, SCH=2), person(24, 26, SCH=3)],
        *("HHDH", "abac", "aaaa", "aaaa", "abcd"),
    ),
    "a married daughter of 18": (
        [person(50), person(18, SON, MAR=1)],
        *("HH", "ab", "aa", "aa", "ab"),
    ),
    "an unmarried couple with a child of the partner": (
        [person(30), person(28, PARTNER), person(5, OTHER)],
        *("HHD", "abb", "aaa", "abb", "abc"),
    ),
    "roommates, one a student, and a roommate's child": (
        [person(22), person(23, ROOMMATE, SCH=2), person(41, OTHER), person(9, OTHER)],
        *("HHHD", "abcc", "abcc", "abcc", "abcd"),
    ),
    "a foster child and a nephew": (
        [person(44), person(17, FOSTER), person(18, KIN), person(19, KIN)],
        *("HDDH", "aaab", "aaaa", "aaaa", "abcd"),
    ),
    "three generations": (
        [person(60), person(85, MOTHER, MAR=2), person(33, SON), person(8, GRANDCHILD)],
        *("HHHD", "abca", "aaaa", "aaaa", "abcd"),
    ),
    "parents and a child with a child-in-law": (
        [
            *(person(50), person(80, MOTHER, MAR=1), person(82, MOTHER, MAR=1)),
            *(person(28, SON, MAR=1), person(27, SON_IN_LAW, MAR=1)),
        ],
        *("HSHHS", "abbcc", "aaaaa", "aaaaa", "abbcc"),
    ),
    "two married sons are no couple, nor a mother and a mother-in-law": (
        [
            *(person(60), person(30, SON, MAR=1), person(28, SON, MAR=1)),
            *(person(84, MOTHER, MAR=1), person(83, PARENT_IN_LAW, MAR=1)),
        ],
        *("HHHHH", "abcde", "aaaaa", "aaaaa", "abcde"),
    ),
    "a brother who is older than the reference person": (
        [person(17), person(18, BROTHER), person(12, BROTHER)],
        *("HHD", "aba", "aaa", "aaa", "abc"),
    ),
    "a married minor who rooms there": (
        [person(40), person(17, ROOMMATE, MAR=1)],
        *("HH", "ab", "aa", "ab", "ab"),
    ),
    "a married minor who rooms there, and an adult who does": (
        [person(40), person(17, ROOMMATE, MAR=1), person(30, ROOMMATE)],
        *("HHH", "abc", "aab", "abc", "abc"),
    ),
    "a minor who rents, with an adult roommate": (
        [person(17), person(19, ROOMMATE)],
        *("HH", "ab", "aa", "ab", "ab"),
    ),
    "a roommate's child among none but the reference person": (
        [person(40), person(16, OTHER)],
        *("HD", "aa", "aa", "aa", "ab"),
    ),
}


@pytest.mark.parametrize("case", list(CASES))
def test_units_of_a_household(case: str, tmp_path: Path) -> None:
    members, *expected = CASES[case]
    frame = frame_of(members, tmp_path)
    found = [
        roles(frame),
        *(groups(frame, each) for each in ("tax_unit", "spm_unit", "family", "marital_unit")),
    ]
    assert found == expected
    assert set(groups(frame, "household")) == {"a"}


def test_the_lines_of_a_person_table_may_come_in_any_order(tmp_path: Path) -> None:
    data = read_acs([Home([person(40, MAR=1), person(38, WIFE, MAR=1), person(5, SON)])], tmp_path)
    turned = data.tables["person"].sort_values("line", ascending=False)
    frame = acs_frame(replace(data, tables={**data.tables, "person": turned}), 2024)
    assert roles(frame) == "HSD"
    assert frame.columns["age"].tolist() == [40, 38, 5]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([person(40), person(50, 20)], "1 households have not one reference person"),
        ([person(40, SON)], "1 households have not one reference person"),
        ([person(40), person(41, 21), person(42, 23)], "at most one spouse"),
        ([person(40), person(30, 38)], "RELSHIPP 38 is no member of a household"),
        ([person(40), person(30, 19)], "RELSHIPP 19 is no member of a household"),
    ],
)
def test_relationships_that_make_no_household_are_refused(
    members: Members, message: str, tmp_path: Path
) -> None:
    with pytest.raises(BuildError, match=message) as caught:
        frame_of(members, tmp_path)
    assert caught.value.reason == "acs.relationship"


def test_households_are_apart_and_one_of_minors_is_left_out(tmp_path: Path) -> None:
    homes = [
        Home([person(17), person(2, SON, SCH="_")]),
        Home([person(30), person(29, PARTNER)]),
        Home([person(50, MAR=1), person(51, WIFE, MAR=1)]),
    ]
    frame = acs_frame(read_acs(homes, tmp_path), 2024)
    assert frame.columns["age"].tolist() == [30, 29, 50, 51]
    for entity, expected in {
        "household": "aabb",
        "tax_unit": "abcc",
        "spm_unit": "aabb",
        "family": "abcc",
        "marital_unit": "abcc",
    }.items():
        assert groups(frame, entity) == expected
        ids = frame.columns[f"{entity}_id"]
        np.testing.assert_array_equal(ids, np.unique(frame.columns[f"person_{entity}_id"]))
