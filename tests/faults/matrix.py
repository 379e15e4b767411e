"""The kill matrix: every fault of the catalogue against every contract check.

`python -m tests.faults.matrix` renews `kill_matrix.json` and the page `FAULTS.md`.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rich.progress import track

from baselines.profiles import load_profile
from gates.contract.checks import CHECKS
from gates.contract.model import Check
from gates.contract.run import contract_findings
from schemas.dataset import open_dataset
from schemas.logical import dataset_hashes
from tests.faults import (
    faults_engine,
    faults_inputs,
    faults_records,
    faults_structure,
    faults_values,
)
from tests.faults.hostile import catalogue
from tests.faults.incidents import BEYOND_THE_CHECKS, TITLES
from tests.faults.model import Fault, Layout, build

FOLDER = Path(__file__).parent
MATRIX, PAGE = FOLDER / "kill_matrix.json", FOLDER / "FAULTS.md"
FAULTS = faults_structure.FAULTS + faults_values.FAULTS + faults_inputs.FAULTS
GATES = tuple(f"contract.{check.id}" for check in CHECKS)
Row = Mapping[str, Any]


def killers(fault: Fault, layout: Layout, checks: Sequence[Check] = CHECKS) -> list[str]:
    """Return the gates that do not let a spoiled file pass, in the order of the contract."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = open_dataset(build(fault, layout, Path(folder)))
        profile = None if fault.incumbent is None else load_profile(fault.incumbent)
        record = contract_findings(dataset, dataset_hashes(dataset), checks, profile)
    return [f"contract.{c['id']}" for c in record["checks"] if c["count"] or "error" in c]


@cache
def row(fault: Fault) -> Row:
    """Return one row of the matrix: which gates killed a fault in each layout it exists in."""
    return {
        "id": fault.id,
        "gate": fault.gate,
        "what": fault.what,
        "incidents": list(fault.incidents),
        "trap": fault.trap,
        "killed_by": {layout: killers(fault, layout) for layout in fault.layouts},
    }


def others(row: Row) -> int:
    """Return how many gates besides the named one a fault trips, in the worse layout."""
    return max(len(set(gates) - {row["gate"]}) for gates in row["killed_by"].values())


def lone_kills(rows: Iterable[Row]) -> dict[str, list[tuple[str, Layout]]]:
    """Return, per gate, the faults and layouts that this gate alone catches."""
    found: dict[str, list[tuple[str, Layout]]] = {gate: [] for gate in GATES}
    for each in rows:
        for layout, gates in each["killed_by"].items():
            if len(gates) == 1:
                found[gates[0]].append((each["id"], layout))
    return found


def matrix_text(rows: Sequence[Row]) -> str:
    """Return the matrix as JSON: gates, faults, and per fault the number of other gates."""
    faults = [{**each, "other_gates": others(each)} for each in rows]
    return json.dumps({"gates": GATES, "faults": faults}, indent=1, sort_keys=True) + "\n"


def page_text(rows: Sequence[Row]) -> str:
    """Return the documentation page."""
    both = sum(len(each["killed_by"]) == 2 for each in rows)
    return "\n".join(
        [
            "# Faults that the contract catches",
            "",
            f"{len(rows)} small mutations of a sound file of 102 households, {both} of them in",
            "both layouts. Each must be caught by the gate it names; `others` counts the further",
            "gates that it trips. Renew this page with `python -m tests.faults.matrix`.",
            "",
            *_faults_of_gates(rows),
            *_faults_of_the_engine(),
            *_faults_of_measured_records(),
            *_incidents(rows),
            *_hostile_files(),
            "",
        ]
    )


def _faults_of_gates(rows: Sequence[Row]) -> list[str]:
    lines = []
    for gate in GATES:
        lines += [f"## {gate}", "", "| fault | what | incidents | the loader | others |"]
        lines += ["|---|---|---|---|---|"]
        for each in (each for each in rows if each["gate"] == gate):
            numbers = ", ".join(map(str, each["incidents"]))
            cells = (each["id"], each["what"], numbers, each["trap"], str(others(each)))
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return lines


def _faults_of_the_engine() -> list[str]:
    lines = [
        "## contract.loader",
        "",
        "No file check sees these; `test_engine_faults.py` does.",
        "",
    ]
    lines += ["| fault | what | incidents | the loader |", "|---|---|---|---|"]
    for each in faults_engine.FAULTS:
        numbers = ", ".join(map(str, each.incidents))
        lines.append(f"| {each.id} | {each.what} | {numbers} | {each.trap} |")
    return [*lines, ""]


def _faults_of_measured_records() -> list[str]:
    lines = [
        "## Measured records",
        "",
        "No file check sees these; `test_record_faults.py` spoils sound records with them.",
        "",
    ]
    lines += ["| fault | gate | what | incidents |", "|---|---|---|---|"]
    for each in faults_records.FAULTS:
        numbers = ", ".join(map(str, each.incidents))
        lines.append(f"| {each.id} | {each.gate} | {each.what} | {numbers} |")
    return [*lines, ""]


def _hostile_files() -> list[str]:
    lines = ["", "## Hostile files", "", "Refused before PyTables or the engine opens them.", ""]
    lines += ["| file | what | reason id |", "|---|---|---|"]
    lines += [f"| {each.id} | {each.what} | {each.reason} |" for each in catalogue()]
    return lines


def _incidents(rows: Sequence[Row]) -> list[str]:
    lines = ["## Incidents", "", "| incident | what happened | faults, or who sees it |"]
    lines.append("|---|---|---|")
    for number, title in TITLES.items():
        ids = [each["id"] for each in rows if number in each["incidents"]]
        ids += [each.id for each in faults_engine.FAULTS if number in each.incidents]
        ids += [each.id for each in faults_records.FAULTS if number in each.incidents]
        lines.append(f"| {number} | {title} | {', '.join(ids) or BEYOND_THE_CHECKS[number]} |")
    return lines


def main() -> None:
    """Measure the matrix and write both files."""
    rows = [row(fault) for fault in track(FAULTS, "injecting faults")]
    MATRIX.write_text(matrix_text(rows))
    PAGE.write_text(page_text(rows))


if __name__ == "__main__":
    main()
