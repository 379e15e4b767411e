"""Our target database: the published schema, one file per content, nothing lost on the way back."""

import os
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from baselines.targets import Constraint, Target, load_targets
from baselines.targets.database import compile_database, database_identity, read_database
from baselines.targets.database_bytes import PAGE_SIZE, settle
from baselines.targets.database_rows import notes_record
from baselines.targets.database_strata import Line, Stratum, definition_hash, lines_of, parent_of
from schemas.canonical import sha256_bytes, sha256_file
from schemas.errors import BaselineError
from schemas.records import validate

# Taken from the published create_database_tables.py: names and types, in order.
PUBLISHED = {
    "strata": "stratum_id INTEGER, definition_hash VARCHAR(64), parent_stratum_id INTEGER, "
    "notes VARCHAR",
    "stratum_constraints": "stratum_id INTEGER, constraint_variable VARCHAR, operation VARCHAR, "
    "value VARCHAR, notes VARCHAR",
    "targets": "target_id INTEGER, variable VARCHAR, period INTEGER, stratum_id INTEGER, "
    "reform_id INTEGER, value FLOAT, active BOOLEAN, tolerance FLOAT, source VARCHAR, "
    "notes VARCHAR",
    "field_valid_values": "field_name VARCHAR, valid_value VARCHAR, description VARCHAR",
}
VIEW_COLUMNS = {
    "stratum_domain": ["stratum_id", "domain_variable"],
    "target_overview": [
        *("target_id", "stratum_id", "variable", "reform_id", "value", "period", "active"),
        *("geo_level", "geographic_id", "domain_variable"),
    ],
}
TRIGGERS = {
    f"validate_{table}_{event}"
    for table in ("stratum_constraints", "targets")
    for event in ("insert", "update")
}
SSI_VALUE = next(each for each in load_targets() if each.variable == "ssi")
SSI_COUNT = next(
    each for each in load_targets() if each.constraints == (Constraint("ssi", ">", 0),)
)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the committed registry, compiled."""
    path = tmp_path_factory.mktemp("database") / "targets.db"
    assert compile_database(load_targets(), path) == sha256_file(path)
    return path


def query(path: Path, sql: str) -> list[Any]:
    """Return the rows of a query."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def test_the_schema_is_the_published_one(compiled: Path) -> None:
    found = {
        name: ", ".join(
            f"{each[1]} {each[2]}" for each in query(compiled, f"PRAGMA table_info({name})")
        )
        for (name,) in query(compiled, "SELECT name FROM sqlite_master WHERE type = 'table'")
    }
    assert found == PUBLISHED
    for view, columns in VIEW_COLUMNS.items():
        assert [each[1] for each in query(compiled, f"PRAGMA table_info({view})")] == columns
    names = query(compiled, "SELECT name FROM sqlite_master WHERE type = 'trigger'")
    assert {each for (each,) in names} == TRIGGERS


def test_the_registry_comes_back_whole(compiled: Path) -> None:
    expected = sorted(load_targets(), key=lambda each: each.target_id)
    assert read_database(compiled) == expected
    assert sum(each.uprated is not None for each in expected) > 1000
    for row in expected[::100]:
        validate(notes_record(row), "target_database_row")


def test_same_targets_give_the_same_bytes_in_any_order_and_process(
    compiled: Path, tmp_path: Path
) -> None:
    code = (
        "import sys; from baselines.targets import load_targets; "
        "from baselines.targets.database import compile_database; "
        "print(compile_database(load_targets()[::-1], sys.argv[1]))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "other.db")],
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == sha256_file(compiled)


def test_another_content_gives_other_bytes(tmp_path: Path) -> None:
    one = compile_database([SSI_VALUE], tmp_path / "one.db")
    changed = replace(SSI_VALUE, value=SSI_VALUE.value + 1, uprated=None)
    assert compile_database([changed], tmp_path / "two.db") != one


def test_a_library_leaves_no_mark(compiled: Path) -> None:
    content = bytearray(compiled.read_bytes())
    assert settle(bytes(content)) == bytes(content)
    content[96:100] = (3_051_001).to_bytes(4, "big")
    content[24:28] = content[92:96] = (9).to_bytes(4, "big")
    pointers_end = PAGE_SIZE + 12 if content[PAGE_SIZE] in (2, 5) else PAGE_SIZE + 8
    pointers_end += 2 * int.from_bytes(content[PAGE_SIZE + 3 : PAGE_SIZE + 5], "big")
    content[pointers_end] = 255
    assert settle(bytes(content)) == compiled.read_bytes()
    assert query(compiled, "PRAGMA integrity_check") == [("ok",)]
    assert query(compiled, "PRAGMA foreign_key_check") == []


def test_strata_form_one_tree_of_distinct_sets(compiled: Path) -> None:
    lines: dict[int, set[Line]] = {}
    for number, *line in query(
        compiled,
        "SELECT stratum_id, constraint_variable, operation, value FROM stratum_constraints",
    ):
        lines.setdefault(number, set()).add(Line(*line))
    strata = query(compiled, "SELECT stratum_id, parent_stratum_id, definition_hash FROM strata")
    for number, parent, found in strata:
        assert lines.get(number, set()) >= lines.get(parent, set())
        assert found == definition_hash(sorted(lines.get(number, ())), parent)
    assert [number for number, parent, _ in strata if parent is None] == [1]
    # Where several sources publish one quantity, each further figure has its own stratum.
    figures = Counter((each.variable, lines_of(each.constraints)) for each in load_targets())
    copies: Counter[tuple[Line, ...]] = Counter()
    for (_, each), count in figures.items():
        copies[each] = max(copies[each], count - 1)
    distinct = {frozenset(lines.get(number, ())) for number, _, _ in strata}
    assert len(strata) - len(distinct) == copies.total() > 0


def test_the_hash_is_the_published_formula() -> None:
    state, filer = Line("state_fips", "==", "6"), Line("tax_unit_is_filer", "==", "1")
    said = b"7\nstate_fips|==|6\ntax_unit_is_filer|==|1"
    assert definition_hash([filer, state], 7) == sha256_bytes(said)
    assert definition_hash([], None) == sha256_bytes(b"")


def test_parents_go_up_from_domain_to_country() -> None:
    place, filer = (
        Line("congressional_district_geoid", "==", "601"),
        Line("tax_unit_is_filer", "==", "1"),
    )
    chain = [Stratum(tuple(sorted((Line("age", ">", "4"), filer, place))))]
    while (above := parent_of(chain[-1])) is not None:
        chain.append(above)
    state = Line("state_fips", "==", "6")
    assert [each.lines for each in chain[1:]] == [(place, filer), (place,), (state,), ()]
    assert parent_of(Stratum((state,), 1)) == Stratum((state,))


def test_the_views_say_place_and_domain(compiled: Path) -> None:
    levels = query(
        compiled, "SELECT geo_level, count(DISTINCT geographic_id) FROM target_overview GROUP BY 1"
    )
    assert levels == [("national", 1), ("state", 51)]
    domains = query(
        compiled,
        "SELECT DISTINCT domain_variable FROM target_overview WHERE variable = 'eitc' ORDER BY 1",
    )
    assert ("adjusted_gross_income,eitc,eitc_child_count",) in domains


def test_a_district_is_told_as_such(tmp_path: Path) -> None:
    district = Constraint("congressional_district_geoid", "==", 601)
    target = replace(
        SSI_COUNT,
        constraints=(*SSI_COUNT.constraints, district),
        geography_level="congressional_district",
        geography_id="0601",
        scope="cd",
    )
    compile_database([target], tmp_path / "d.db")
    sql = "SELECT geo_level, geographic_id, domain_variable FROM target_overview"
    assert query(tmp_path / "d.db", sql) == [("district", "601", "ssi")]
    notes = [each for (each,) in query(tmp_path / "d.db", "SELECT notes FROM strata ORDER BY 1")]
    assert "state_fips == 6" in notes
    assert read_database(tmp_path / "d.db") == [target]


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO stratum_constraints VALUES (1, 'no_such_variable', '==', '1', NULL)",
        "INSERT INTO stratum_constraints VALUES (1, 'state_fips', 'like', '1', NULL)",
        "UPDATE targets SET period = 1999 WHERE target_id = 1",
        "UPDATE targets SET source = 'nobody' WHERE target_id = 1",
    ],
)
def test_the_triggers_refuse_what_isnt_listed(tmp_path: Path, sql: str) -> None:
    compile_database([SSI_VALUE, SSI_COUNT], tmp_path / "t.db")
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection:
        connection.execute("UPDATE targets SET source = NULL WHERE target_id = 1")
        with pytest.raises(sqlite3.IntegrityError, match=r"Invalid .* value for"):
            connection.execute(sql)


BAD: dict[str, tuple[Callable[[], list[Target]], str]] = {
    "none": (lambda: [], "no target"),
    "twice": (lambda: [SSI_VALUE, SSI_VALUE], "occurs 2 times"),
    "count as sum": (
        lambda: [replace(SSI_COUNT, unit="usd", aggregation="sum")],
        f"{SSI_COUNT.target_id}: .*usd",
    ),
    "sum as count": (
        lambda: [replace(SSI_VALUE, unit="recipients", aggregation="count")],
        f"{SSI_VALUE.target_id}: .*recipients",
    ),
    "unknown variable": (lambda: [replace(SSI_VALUE, variable="nothing")], "nothing isn't one"),
    "zero": (lambda: [replace(SSI_VALUE, value=0.0, uprated=None)], "not zero"),
    "no scope": (lambda: [replace(SSI_VALUE, scope="")], "scope is ''"),
    "contradiction": (
        lambda: [
            replace(SSI_VALUE, constraints=(Constraint("age", ">", 9), Constraint("age", "<", 5)))
        ],
        "contradictory constraints",
    ),
    "two of one operation": (
        lambda: [
            replace(SSI_VALUE, constraints=(Constraint("age", ">", 5), Constraint("age", ">", 9)))
        ],
        "2 constraints age >",
    ),
    "place not in the constraints": (
        lambda: [replace(SSI_VALUE, geography_level="state", geography_id="06")],
        "needs the constraint state_fips == 06",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_the_database_cant_say_is_refused_and_nothing_written(
    tmp_path: Path, name: str
) -> None:
    make, said = BAD[name]
    with pytest.raises(BaselineError, match=said):
        compile_database(make(), tmp_path / "bad.db")
    assert list(tmp_path.iterdir()) == []


def test_the_identity_is_the_file_without_its_folder(compiled: Path) -> None:
    assert database_identity(compiled) == {"id": "targets.db", "sha256": sha256_file(compiled)}
    with pytest.raises(BaselineError, match=r"nowhere\.db can't be read"):
        database_identity(compiled.with_name("nowhere.db"))


def test_our_rows_are_grown_by_their_own_index(tmp_path: Path) -> None:
    held = {each.target_id: each for each in load_targets()[::40]}
    compile_database(list(held.values()), tmp_path / "some.db")
    published, stated = 0, 0
    for target in read_database(tmp_path / "some.db", 2023):
        before = held[target.target_id]
        if before.uprated and target.source_period == 2023:
            published += 1
            assert target.uprated is not None
            assert (target.value, target.target_period) == (before.uprated.published, 2023)
            assert (target.uprated.index, target.uprated.factor) == (before.uprating, 1.0)
        if not before.uprating:
            stated += 1
            assert (target.value, target.target_period) == (before.value, 2024)
            assert target.notes.endswith("not grown to 2023: it declares no index")
    assert published > 10 < stated
