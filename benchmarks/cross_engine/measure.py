"""Federal income tax and payroll tax of the same tax units by Tax-Calculator and by the engine.

Tax-Calculator (PSL, CC0) is run on inputs formed from the engine's own variables. Known differences
in scope are removed one after the other (rules.json): by a parameter or an input of
Tax-Calculator, or by leaving out a part that only the engine has. What each removal changes is its
part of the difference; what is left is unexplained.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from baselines.store import cache_dir
from benchmarks.cross_engine.difference import Comparison, Part
from benchmarks.cross_engine.rules import RULES, engine_outputs, load_rules, other_outputs
from benchmarks.cross_engine.units import UNIT, Columns, TaxUnits
from benchmarks.engine.child import Progress, run_child
from benchmarks.engine.metadata import installed_versions
from benchmarks.engine.session import simulate
from benchmarks.measure import Simulator
from benchmarks.weights import household_weights
from schemas.canonical import sha256_file, sha256_json
from schemas.dataset import Dataset, id_name, open_dataset
from schemas.errors import MeasureError
from schemas.logical import dataset_hashes, subject
from schemas.records import read_record, validate, write_record

WORKER = "benchmarks.cross_engine.worker"
SCHEMA = "cross_engine"
TIMEOUT_S = 900.0
Runs = list[dict[str, np.ndarray]]


def measure_cross_engine(
    path: Path | str, *, progress: Progress | None = None, simulator: Simulator = simulate
) -> dict[str, Any]:
    """Return the `cross_engine` record of a file, from the cache where it was made before.

    Amounts are weighted dollars a year, with the file's own household weights. Raises DatasetError
    for a file that may not be opened, and MeasureError where Tax-Calculator is absent or either
    engine fails on the file.
    """
    other = taxcalc_version()
    dataset = open_dataset(path)
    hashes = dataset_hashes(dataset)
    found = cached_cross_engine(hashes.file_sha256)
    if found is not None:
        return found
    started = time.monotonic()
    rules = load_rules()
    weights = household_weights(dataset)  # refuses unusable weights before the simulation
    simulated = simulator(dataset.path, engine_outputs(rules), progress=progress)
    units = TaxUnits(simulated)
    runs = _tax_calculator(dataset, units, rules, progress)
    record = {
        "schema": SCHEMA,
        "schema_version": 1,
        "subject": subject(dataset, hashes),
        "engine": installed_versions(),
        "other": {"name": "taxcalc", "version": other},
        "code_sha256": code_sha256(),
        "caveat": rules["caveat"],
        "tax_units": units.count,
        "taxes": _taxes(dataset, units, runs, rules, weights[units.household_rows()]),
        "run": {"wall_s": round(time.monotonic() - started, 1)},
    }
    validate(record, SCHEMA)
    write_record(_path(hashes.file_sha256), record, SCHEMA)
    return record


def cached_cross_engine(file_sha256: str) -> dict[str, Any] | None:
    """Return the kept record of a file for these engines and this code, or None.

    Raises MeasureError where Tax-Calculator is absent, RecordError for a damaged record.
    """
    path = _path(file_sha256)
    return read_record(path, SCHEMA) if path.is_file() else None


def taxcalc_version() -> str:
    """Return the version of the installed Tax-Calculator; raises MeasureError where absent."""
    try:
        return importlib.metadata.version("taxcalc")
    except importlib.metadata.PackageNotFoundError:
        raise MeasureError(
            "the cross-engine check needs the package taxcalc",
            reason="cross_engine.no_taxcalc",
            remedy='install the builder extra: pip install "microdata-release-gate[builder]"',
        ) from None


@cache
def code_sha256() -> str:
    """Return the sha256 over the rules and the code of this package."""
    files = sorted([RULES, *RULES.parent.glob("*.py")])
    return sha256_json({file.name: sha256_file(file) for file in files})


def _path(file_sha256: str) -> Path:
    rest = sha256_json([file_sha256, installed_versions(), taxcalc_version(), code_sha256()])
    return cache_dir() / SCHEMA / f"{file_sha256[:16]}-{rest[:16]}.json"


def _tax_calculator(
    dataset: Dataset, units: TaxUnits, rules: Mapping[str, Any], progress: Progress | None
) -> Runs:
    """Return Tax-Calculator's outputs as the file says, then after each step (cumulated)."""
    columns = units.inputs(rules)
    stored: Columns = dict(columns)
    names = {name: name for name in columns}
    runs: list[dict[str, Any]] = [{"inputs": dict(names), "reform": {}}]
    for step in rules["steps"]:
        for term in step["inputs"]:
            key = f"{step['id']}:{term['input']}"
            stored[key] = units.term(term)
            names[term["input"]] = key
        runs.append({"inputs": dict(names), "reform": step["reform"]})
    with tempfile.TemporaryDirectory(prefix="mpgate-taxcalc-") as temporary:
        folder = Path(temporary)
        np.savez(folder / "inputs.npz", allow_pickle=False, **stored)
        job: dict[str, Any] = {
            "path": str(dataset.path),
            "period": dataset.period,
            "inputs": str(folder / "inputs.npz"),
            "outputs": other_outputs(rules),
            "runs": runs,
        }
        run_child(job, folder, progress, TIMEOUT_S, worker=WORKER)
        with np.load(job["arrays_out"]) as found:
            return [
                {name: found[f"{number}:{name}"] for name in other_outputs(rules)}
                for number in range(len(runs))
            ]


def _taxes(
    dataset: Dataset,
    units: TaxUnits,
    runs: Runs,
    rules: Mapping[str, Any],
    weights: np.ndarray,
) -> list[dict[str, Any]]:
    ids = dataset.read(id_name(UNIT))
    return [_tax(tax, units, runs, rules, (weights, ids)) for tax in rules["taxes"]]


def _tax(
    tax: Mapping[str, Any],
    units: TaxUnits,
    runs: Runs,
    rules: Mapping[str, Any],
    rows: tuple[np.ndarray, np.ndarray],
) -> dict[str, Any]:
    totals = [_other(run, tax["other"]) for run in runs]
    compared = Comparison(
        engine=units.figure(tax["engine"]),
        other=totals[0],
        parts=[*_steps(rules["steps"], totals), *_scope(rules["scope"], tax["id"], units)],
        weights=rows[0],
        unit_ids=rows[1],
    )
    components = {
        each["id"]: units.figure(each["engine"]) - _other(runs[-1], each["other"])
        for each in rules["components"]
        if each["tax"] == tax["id"]
    }
    heading = {"id": tax["id"], "title": tax["title"]}
    return heading | compared.record(components, rules["tolerance"])


def _other(run: Mapping[str, np.ndarray], names: Sequence[str]) -> np.ndarray:
    return np.asarray(np.sum([run[name] for name in names], axis=0))


def _steps(steps: Sequence[Mapping[str, Any]], totals: Sequence[np.ndarray]) -> list[Part]:
    """Return what each step changed in Tax-Calculator's tax, given the steps before it."""
    return [
        Part(step["id"], step["title"], step["reason"], after - before)
        for step, before, after in zip(steps, totals[:-1], totals[1:], strict=True)
    ]


def _scope(scope: Sequence[Mapping[str, Any]], tax_id: str, units: TaxUnits) -> list[Part]:
    """Return what only the engine counts in a tax."""
    return [
        Part(part["id"], part["title"], part["reason"], units.figure(part["terms"]))
        for part in scope
        if part["tax"] == tax_id
    ]
