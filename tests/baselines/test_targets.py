"""The target facts: pinned bytes, typed rows, refusals that name the row."""

from collections import Counter
from pathlib import Path

import pytest

from baselines.targets import load_excluded, load_targets, parse_targets, target_db_identity
from baselines.targets.loader import EXCLUDED_FILE, TARGET_FILE, TARGETS_FOLDER
from baselines.targets.target import Constraint, parse_constraints
from schemas.canonical import sha256_file
from schemas.errors import BaselineError

TEXT = (TARGETS_FOLDER / TARGET_FILE).read_text()
HEADER, FIRST = TEXT.splitlines()[:2]
WAGES = "us.bea.nipa_2_1.wages_salaries.amount.total"


def test_all_rows_load_with_the_published_counts() -> None:
    targets = load_targets()
    families = Counter(each.family for each in targets)
    assert (len(targets), len(load_excluded())) == (4736, 334)
    assert (families["ssi"], families["snap"], families["eitc"]) == (5, 156, 324)
    assert len({each.holdout_group for each in targets}) == 136


def test_a_row_is_typed() -> None:
    (wages,) = load_targets([WAGES])
    assert (wages.value, wages.unit, wages.constraints) == (12_387_929_000_000.0, "usd", ())
    assert (wages.source_period, wages.geography_level) == (2024, "national")


def test_asked_ids_come_in_the_asked_order() -> None:
    ids = [each.target_id for each in load_targets()[:3]][::-1]
    assert [each.target_id for each in load_targets(ids)] == ids


def test_unknown_and_repeated_ids_are_refused() -> None:
    with pytest.raises(BaselineError, match=r"1 unknown target id\(s\): us.nothing"):
        load_targets([WAGES, "us.nothing"])
    with pytest.raises(BaselineError, match="more than once"):
        load_targets([WAGES, WAGES])


def test_the_identity_is_the_sha256_of_the_committed_file() -> None:
    sha = sha256_file(TARGETS_FOLDER / TARGET_FILE)
    assert target_db_identity() == {"id": "us-2024-facts", "sha256": sha}


@pytest.mark.parametrize("name", [TARGET_FILE, EXCLUDED_FILE])
def test_a_changed_or_absent_file_is_refused(tmp_path: Path, name: str) -> None:
    load = load_targets if name == TARGET_FILE else load_excluded
    with pytest.raises(BaselineError, match="can't be read"):
        load(folder=tmp_path)
    (tmp_path / name).write_bytes((TARGETS_FOLDER / name).read_bytes() + b"\n")
    with pytest.raises(BaselineError, match=f"{name} isn't the pinned target file"):
        load(folder=tmp_path)


def test_the_identity_of_a_changed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / TARGET_FILE).write_text(TEXT + "\n")
    with pytest.raises(BaselineError, match="isn't the pinned target file"):
        target_db_identity(folder=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("12387929000000.0", "0", "a target is finite and not zero"),
        ("12387929000000.0", "nan", "a target is finite and not zero"),
        ("12387929000000.0", "much", "not a number"),
        (",usd,", ",dollars,", "column unit is 'dollars'"),
        (",person,", ",dwelling,", "column entity is 'dwelling'"),
        ("nipa_wages_and_salaries", "", "column concept is empty"),
        (",2024,2024,", ",24,2024,", "column source_period is '24'"),
        ("[]", "{}", "column constraints isn't a list"),
        ("[]", "[", "column constraints isn't JSON"),
        (",usd,", ",usd,extra,", "23 cells, expected 22"),
    ],
)
def test_a_malformed_row_is_named(old: str, new: str, said: str) -> None:
    with pytest.raises(BaselineError, match=f"row 2: .*{said}"):
        parse_targets(f"{HEADER}\n{FIRST.replace(old, new, 1)}\n")


def test_a_repeated_row_and_another_header_are_refused() -> None:
    with pytest.raises(BaselineError, match=r"row 3: .* repeats row 2"):
        parse_targets(f"{HEADER}\n{FIRST}\n{FIRST}\n")
    with pytest.raises(BaselineError, match="not exactly target_id, value"):
        parse_targets(f"{HEADER.replace('unit', 'units', 1)}\n{FIRST}\n")


def test_constraints_are_parsed() -> None:
    text = '[["age", ">=", 65], ["state_code", "in", ["CA", "NY"]]]'
    assert parse_constraints(text) == (
        Constraint("age", ">=", 65),
        Constraint("state_code", "in", ("CA", "NY")),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[["age", ">="]]', "isn't \\[variable, operator, value\\]"),
        ('[["", ">=", 1]]', "names no variable"),
        ('[["age", "~", 1]]', "unknown operator"),
        ('[["age", "in", []]]', "needs a list of values"),
        ('[["age", "==", true]]', "neither a number nor text"),
    ],
)
def test_a_malformed_constraint_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_constraints(text)
