"""The hostile corpus: every file is refused for its own reason and never runs; each rule is needed.

The corpus is no paper tiger: a child process reads the same files as PyTables would, and there the
markers do appear.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import schemas.heaps as heaps
import schemas.preflight as rules
from benchmarks.engine import session, together
from benchmarks.engine.arms import Arm
from benchmarks.loader_smoke import smoke_loader
from benchmarks.measure import measure_evidence
from benchmarks.runtime import measure_runtime
from gates.cli import app
from schemas.dataset import open_dataset
from schemas.errors import DatasetError
from schemas.pickles import is_hostile
from tests.faults.hostile import (
    AFTER_LIMIT,
    LIMITS,
    NOT_SWITCHED,
    OBJECTS,
    PICKLE,
    WITHOUT,
    Hostile,
    catalogue,
    inside,
    lay_out,
    sound_bytes,
)
from tests.faults.model import LAYOUTS, Layout, frames_of, sound

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "baselines", "benchmarks", "gates", "builder", "dashboard")
ENTRIES = {entry.id: entry for entry in catalogue()}
THROUGH_THE_COMMAND = (
    "pickle.spelling.protocol_0",
    "pickle.place.entity_tables.person.info",
    "pickle.block.tail",
    "object.fixed_frame",
    "link.external.present",
    "size.bomb",
    "bytes.user_block",
    "bytes.cut.half",
    "file.absent",
)

# Everything that hands a path to HDF5, PyTables or the engine: file, function, what is called.
OPENERS = {
    ("schemas/preflight.py", "preflight", "h5py.File"),
    ("schemas/dataset.py", "open_dataset", "h5py.File"),  # behind the preflight
    ("schemas/dataset.py", "_read_array", "h5py.File"),  # of a Dataset, which open_dataset made
    ("schemas/dataset.py", "_read_table", "h5py.File"),
    ("schemas/writers.py", "fill", "h5py.File"),  # new files
    ("schemas/writers.py", "fill", "pd.HDFStore"),
    ("schemas/storage.py", "_names_in", "h5py.File"),  # behind open_dataset
    ("schemas/storage.py", "_h5_tables", "h5py.File"),  # an extension, behind the preflight
    ("benchmarks/engine/worker.py", "main", "Microsimulation"),  # started by the engine session
    ("benchmarks/engine/fast_worker.py", "main", "Microsimulation"),  # likewise
    ("benchmarks/runtime_child.py", "_import_engine", "Microsimulation"),  # behind open_dataset
    ("benchmarks/plain_script.py", "main", "Microsimulation"),  # likewise
    ("benchmarks/engine_metadata/stored_values.py", "_write", "pd.HDFStore"),  # a file of its own
    ("benchmarks/engine_metadata/stored_values.py", "_calculate", "Microsimulation"),
}
OPENING = {"File", "HDFStore", "read_hdf", "open_file", "openFile", "Microsimulation"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def outcome(path: Path) -> str:
    """Return the reason a file is refused for, or `opened`."""
    try:
        open_dataset(path)
    except DatasetError as error:
        return error.reason
    return "opened"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_hostile_file_is_refused_for_its_reason_and_never_runs(tmp_path: Path, name: str) -> None:
    path, marker = lay_out(ENTRIES[name], tmp_path)
    assert outcome(path) == ENTRIES[name].reason
    assert not marker.exists()


@pytest.mark.parametrize("name", THROUGH_THE_COMMAND)
def test_the_command_ends_with_2_on_a_hostile_file(tmp_path: Path, name: str) -> None:
    path, marker = lay_out(ENTRIES[name], tmp_path)
    done = CliRunner().invoke(app, ["contract", str(path), "--measure", "never", "--json"])
    assert done.exit_code == 2
    assert ENTRIES[name].reason in done.output
    assert not marker.exists()


def test_the_danger_is_real(tmp_path: Path) -> None:
    entries = [e for e in ENTRIES.values() if e.reason in (PICKLE, OBJECTS) and e.runs != "untried"]
    files = [lay_out(entry, tmp_path) for entry in entries]
    listed = tmp_path / "list"
    listed.write_text("\n".join(f"{path}\t{marker}" for path, marker in files))
    command = [sys.executable, "-m", "tests.faults.hostile_child", str(listed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = dict(zip((entry.id for entry in entries), json.loads(done.stdout), strict=True))
    assert found == {entry.id: entry.runs for entry in entries}
    assert sum(entry.dangerous for entry in entries) >= 50


def reasons() -> set[str]:
    """Return every reason id in the source of the preflight and of the heap walk it begins with."""
    sources = [Path(rules.__file__), Path(heaps.__file__)]
    found: set[str] = set()
    for node in (each for path in sources for each in ast.walk(ast.parse(path.read_text()))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            named = [each.value for each in node.keywords if each.arg == "reason"]
            given = node.args[1:2] if node.func.id == "refuse" else named
            found |= {ast.literal_eval(each) for each in given if isinstance(each, ast.Constant)}
    return found


def test_every_reason_of_the_preflight_has_a_file() -> None:
    assert {entry.reason for entry in ENTRIES.values()} == reasons()
    assert WITHOUT.keys() | NOT_SWITCHED == reasons()


def test_every_limit_of_the_preflight_has_a_file() -> None:
    limits = {name for name in vars(rules) if name.startswith("MAX_")}
    assert limits <= LIMITS.keys()


@pytest.mark.parametrize("reason", WITHOUT)
def test_a_rule_that_is_switched_off_lets_a_file_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    name, then = WITHOUT[reason]
    path, _ = lay_out(ENTRIES[name], tmp_path)
    real = rules.refuse

    def refuse(message: str, why: str, remedy: str = "") -> None:
        if why != reason:
            real(message, why, remedy)

    monkeypatch.setattr(rules, "refuse", refuse)
    assert outcome(path) == then


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_is_lifted_lets_a_file_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    lifted, name = LIMITS[limit]
    path, _ = lay_out(ENTRIES[name], tmp_path)
    monkeypatch.setattr(rules, limit, lifted)
    assert outcome(path) == AFTER_LIMIT.get(limit, "opened")


def put(path: Path, **how: Any) -> None:
    with pd.HDFStore(path, mode="w", complevel=how.pop("complevel", 0), complib="zlib") as store:
        for key, frame in frames_of(sound()).items():
            store.put(key, frame, track_times=False, **how)
        store.put("_time_period", pd.Series([2024]), format="table", track_times=False)


def categories(path: Path) -> None:
    frames = frames_of(sound())
    household = frames["household"]
    household["tenure_type"] = household["tenure_type"].astype("category")
    with pd.HDFStore(path, mode="w") as store:
        for key, frame in frames.items():
            store.put(key, frame, format="table", data_columns=True, track_times=False)


def titled(path: Path) -> None:
    """Give a file honest sentences, which PyTables takes for pickles as well."""
    path.write_bytes(sound_bytes("period_arrays"))
    sentences = (
        "Rent and mortgage.",
        "Records of 2024.",
        "based on CPS.",
        "of persons.",
        "Quarterly.",
    )
    with h5py.File(path, "r+") as h5:
        for i, sentence in enumerate(sentences):
            h5["age"].attrs[f"note{i}"] = np.bytes_(sentence)
            h5["age"].attrs[f"lines{i}"] = np.bytes_(f"Source: CPS\n{sentence}")


HONEST: dict[str, tuple[Callable[[Path], None], str]] = {
    "data_columns": (lambda path: put(path, format="table", data_columns=True), "opened"),
    "blocks": (lambda path: put(path, format="table"), "opened"),
    "no_index": (lambda path: put(path, format="table", index=False), "opened"),
    "zlib": (lambda path: put(path, format="table", data_columns=True, complevel=9), "opened"),
    "wide_text": (lambda path: put(path, format="table", min_itemsize=40), "opened"),
    "categories": (categories, "dataset.layout"),
    "sentences": (titled, "opened"),
    # Fixed format stores the names of its columns as pickled objects.
    "fixed": (lambda path: put(path, format="fixed"), "h5.object_data"),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_pandas_files_are_judged_as_meant(tmp_path: Path, name: str) -> None:
    write, expected = HONEST[name]
    write(tmp_path / "f.h5")
    assert outcome(tmp_path / "f.h5") == expected


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_sound_file_carries_no_hostile_text(tmp_path: Path, layout: Layout) -> None:
    path = tmp_path / "f.h5"
    path.write_bytes(sound_bytes(layout))
    assert outcome(path) == "opened"
    with h5py.File(path) as h5:
        texts = [bytes(v) for v in h5.get("person", h5).attrs.values() if isinstance(v, bytes)]
    assert any(text.endswith(b".") for text in texts) == (layout == "entity_tables")
    assert not any(is_hostile(text) for text in texts)


def openers() -> set[tuple[str, str, str]]:
    """Return every place in the rooms that opens an H5 or imports the engine's simulation."""
    found = set()
    for file in (path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))):
        where = file.relative_to(ROOT).as_posix()
        for function, node in functions(ast.parse(file.read_text())):
            found |= {(where, function, name) for name in opened_by(node)}
    return found


def functions(tree: ast.AST, name: str = "") -> list[tuple[str, ast.AST]]:
    """Return every node with the name of the function that holds it."""
    pairs = []
    for node in ast.iter_child_nodes(tree):
        inner = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else name
        pairs += [(inner, node), *functions(node, inner)]
    return pairs


def opened_by(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
        name = ast.unparse(node.func)
        return [name] if name.split(".")[-1] in OPENING - {"Microsimulation"} else []
    if isinstance(node, ast.ImportFrom | ast.Import):
        return [each.name for each in node.names if each.name in {*OPENING, "tables"}]
    return []


def test_only_known_places_open_a_file() -> None:
    assert openers() == OPENERS


def recording(calls: list[Any]) -> Callable[..., NoReturn]:
    def simulator(*given: Any, **named: Any) -> NoReturn:
        calls.append(given)
        raise AssertionError("the engine was given a hostile file")

    return simulator


@pytest.mark.parametrize(
    "name",
    ["pickle.spelling.protocol_0", "pickle.place.entity_tables.person.info", "object.fixed_frame"],
)
def test_the_engine_is_never_given_a_hostile_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    entry: Hostile = ENTRIES[name]
    path, marker = lay_out(entry, tmp_path)
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # which no runtime is measured beside
    calls: list[Any] = []
    monkeypatch.setattr(session, "run_child", recording(calls))
    monkeypatch.setattr(together, "run_child", recording(calls))
    arms = [[Arm("baseline", 2024, ("snap",))]]
    ways: dict[str, Callable[[], object]] = {
        "smoke": lambda: smoke_loader(path, simulator=recording(calls)),
        "measure": lambda: measure_evidence(path, simulator=recording(calls)),
        "session": lambda: session.simulate(path, ["snap"]),
        "arms": lambda: together.simulate_arms([path], arms),
        "runtime": lambda: measure_runtime(path, path, incumbent_id="any", run=recording(calls)),
        "traced": lambda: session.run_traced(path, ["snap"]),
    }
    for way, run in ways.items():
        with pytest.raises(DatasetError) as caught:
            run()
        assert caught.value.reason == entry.reason, way
    assert calls == []
    assert not marker.exists()


def test_spoiling_is_what_makes_a_file_hostile(tmp_path: Path) -> None:
    unspoilt = Hostile("control", "", "nothing", inside(lambda h5, marker: None))
    assert outcome(lay_out(unspoilt, tmp_path)[0]) == "opened"
