"""The committed targets: pinned bytes, typed rows, values grown by a named index."""

from collections import Counter
from pathlib import Path

import pytest

from baselines.targets import (
    load_excluded,
    load_targets,
    parse_targets,
    state_population,
    target_db_identity,
)
from baselines.targets.indices import parse_indices, uprate
from baselines.targets.registry import (
    EXCLUDED_FILE,
    INDEX_FILE,
    TARGET_FILE,
    TARGETS_FOLDER,
    load_registry,
)
from baselines.targets.rows import unstamp
from baselines.targets.target import Constraint, parse_constraints
from schemas.canonical import sha256_bytes
from schemas.errors import BaselineError
from tests.baselines.target_feeds import SCHEDULE_C, SSI_DOLLARS, WAGES, target

STAMPED = (TARGETS_FOLDER / TARGET_FILE).read_text()
TEXT = unstamp(STAMPED)
HEADER, FIRST = TEXT.splitlines()[:2]
PUBLISHED_SHA256 = "4b7241b5f6f6eff859085421fc8e7e76b7d1d97748484863cfb4540a42f1c5e5"
BUSINESS = "calibration.gov.cbo.income_by_source.self_employment_income"


def copied(tmp_path: Path) -> Path:
    for name in ("registry.json", *load_registry()["files"]):
        (tmp_path / name).write_bytes((TARGETS_FOLDER / name).read_bytes())
    return tmp_path


def test_all_rows_load_with_the_published_counts() -> None:
    targets = [each for each in load_targets() if each.target_id in TEXT]
    families = Counter(each.family for each in targets)
    assert (len(targets), families["ssi"], families["eitc"]) == (4736, 5, 324)
    assert len(load_excluded()) >= 334
    assert len({each.holdout_group for each in targets}) == 136


def test_the_published_bytes_come_back_out_of_the_committed_file() -> None:
    assert sha256_bytes(TEXT.encode()) == PUBLISHED_SHA256


def test_a_row_is_typed() -> None:
    (wages,) = load_targets([WAGES])
    assert (wages.value, wages.unit, wages.constraints) == (12_387_929_000_000.0, "usd", ())
    assert (wages.source_period, wages.geography_level, wages.uprated) == (2024, "national", None)


def test_a_row_of_an_earlier_year_is_grown_by_its_index_and_says_so() -> None:
    (profit,) = load_targets([SCHEDULE_C])
    assert profit.uprated is not None
    assert (profit.uprated.index, profit.uprated.from_year) == (BUSINESS, 2023)
    assert profit.uprated.factor == pytest.approx(1_916.0 / 1_701.1, rel=1e-12)
    assert profit.value == pytest.approx(profit.uprated.published * profit.uprated.factor)


def test_a_row_that_no_index_fits_stands_as_published() -> None:
    row = next(each for each in load_targets() if each.concept == "medicaid_spending")
    assert (row.source_period, row.target_period, row.uprated) == (2023, 2024, None)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"uprating": "gov.bls.cpi.cpi_w"}, "isn't in the index table"),
        ({"source_period": "1990"}, "has no value for 1990"),
        ({"uprating": "calibration.gov.census.populations.total"}, "is in persons"),
        ({"source_period": "2024"}, "refers to the target year"),
    ],
)
def test_an_index_that_does_not_fit_is_an_error(changes: dict[str, str], said: str) -> None:
    table = parse_indices((TARGETS_FOLDER / INDEX_FILE).read_text())
    with pytest.raises(BaselineError, match=said):
        uprate(target(SCHEDULE_C, **changes), table)


def test_the_state_population_is_the_published_one() -> None:
    people = state_population()
    assert len(people) == 51
    assert sum(people.values()) == 340_110_990  # the US row, rounded to tens in the states


def test_asked_ids_come_in_the_asked_order() -> None:
    ids = [each.target_id for each in load_targets()[:3]][::-1]
    assert [each.target_id for each in load_targets(ids)] == ids


def test_unknown_and_repeated_ids_are_refused() -> None:
    with pytest.raises(BaselineError, match=r"1 unknown target id\(s\): us.nothing"):
        load_targets([WAGES, "us.nothing"])
    with pytest.raises(BaselineError, match="more than once"):
        load_targets([WAGES, WAGES])


@pytest.mark.parametrize("name", [TARGET_FILE, EXCLUDED_FILE, INDEX_FILE])
def test_a_changed_or_absent_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path)
    load = load_excluded if name == EXCLUDED_FILE else load_targets
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    with pytest.raises(BaselineError, match=f"{name} isn't the pinned target file"):
        load(folder=folder)
    (folder / name).unlink()
    with pytest.raises(BaselineError, match="can't be read"):
        load(folder=folder)


@pytest.mark.parametrize("name", [TARGET_FILE, INDEX_FILE])
def test_the_identity_covers_each_file_that_decides_values(tmp_path: Path, name: str) -> None:
    folder = copied(tmp_path)
    assert target_db_identity(folder=folder) == target_db_identity()
    before, changed = (folder / name).read_bytes(), (folder / name).read_bytes() + b" \n"
    (folder / name).write_bytes(changed)
    with pytest.raises(BaselineError, match="isn't the pinned target file"):
        target_db_identity(folder=folder)
    registry = (folder / "registry.json").read_text()
    pinned = registry.replace(sha256_bytes(before), sha256_bytes(changed))
    (folder / "registry.json").write_text(pinned)
    assert target_db_identity(folder=folder)["sha256"] != target_db_identity()["sha256"]


def test_a_row_changed_after_the_import_is_named() -> None:
    header, first = STAMPED.splitlines()[:2]
    with pytest.raises(BaselineError, match=r"row 2: .*isn't the one imported"):
        parse_targets(f"{header}\n{first.replace('12387929', '12387930', 1)}\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("12387929000000.0", "0", "a target is finite and not zero"),
        ("12387929000000.0", "nan", "a target is finite and not zero"),
        ("12387929000000.0", "much", "not a number"),
        (",usd,", ",dollars,", "column unit is 'dollars'"),
        (",person,", ",dwelling,", "column entity is 'dwelling'"),
        (",person,", ",,", "column entity is empty"),
        (",full_population,", ",,", "column scope is empty"),
        (",BEA,", ",,", "column source_agency is empty"),
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


def test_each_row_has_the_hash_of_its_own_content() -> None:
    same, other = target(SSI_DOLLARS), target(SSI_DOLLARS, notes="another")
    assert load_targets([SSI_DOLLARS])[0].content_sha256 == same.content_sha256
    assert same.content_sha256 != other.content_sha256


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
        ('[["age", "<", Infinity]]', "isn't finite"),
    ],
)
def test_a_malformed_constraint_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_constraints(text)
