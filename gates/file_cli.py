"""`mpgate contract` and `mpgate hash`: what can be said of one file before it is measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from gates.judges import JUDGES
from gates.judging import PASSING, judge_gate
from gates.policy import load_policy
from gates.results import assemble, counts, error_record, gate_table
from schemas.canonical import canonical_bytes
from schemas.dataset import open_dataset
from schemas.errors import MpgateError, UsageError
from schemas.logical import dataset_hashes, subject

REFUSED, UNREADABLE = 1, 2
GROUP = "contract"
LOADER = "contract.loader"

File = Annotated[Path, typer.Argument(help="The H5 file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the record as JSON.")]


def contract(
    file: File,
    incumbent: Annotated[str | None, typer.Option(help="Compare inputs with this one.")] = None,
    measure: Annotated[str, typer.Option(help="auto, or never to leave the engine out.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Check a file against the H5 contract: exit 0 clean, 1 refused, 2 hostile or unreadable.

    Example: mpgate contract run.h5 --incumbent psl-cps-2024 --measure never

    These are the gates of `pytest gates/ -m contract`. With `--measure never` the loader gate is
    unmeasured unless this file was loaded before; that alone does not refuse the file. Any other
    gate that could not be judged does.
    """
    policy = load_policy()
    others = frozenset(gate.id for gate in policy.gates if gate.group != GROUP)
    try:
        inputs = _records(file, incumbent, measure, as_json)
    except MpgateError as error:
        if as_json:
            record = error_record(policy, file, incumbent or "none", error, "default", others)
            sys.stdout.write(canonical_bytes(record).decode())
        _fail(error)
    judged = {
        gate.id: judge_gate(gate, inputs, JUDGES) for gate in policy.gates if gate.group == GROUP
    }
    record = assemble(policy, inputs, judged, stage="default", deselected=others)
    allowed = {*PASSING, "unmeasured"} if measure == "never" else PASSING
    refused = [
        gate["id"]
        for gate in record["gates"]
        if gate["status"] not in (allowed if gate["id"] == LOADER else PASSING)
    ]
    if as_json:
        sys.stdout.write(canonical_bytes(record).decode())
    else:
        _show(record, refused)
    raise typer.Exit(REFUSED if refused else 0)


def _records(file: Path, incumbent: str | None, measure: str, quiet: bool) -> Any:
    from gates.session import gather_with_progress

    if measure not in ("auto", "never"):
        raise UsageError(
            f"--measure {measure} is unknown", reason="usage.option", remedy="use auto or never"
        )
    return gather_with_progress(file, incumbent, None, measure, quiet=quiet)


def _show(record: dict[str, Any], refused: list[str]) -> None:
    """Print one row per gate, then what is wrong in full, with what to do about it."""
    console = Console()
    console.print(gate_table(record))
    for gate in (each for each in record["gates"] if each["id"] in refused):
        lines = [f"{gate['id']} ({gate['severity'] or gate['status']}): {gate['message']}"]
        lines += [f"  {line}" for line in gate["details"] if line not in gate["message"]]
        lines.append(f"  next: {gate['remedy']}")
        console.print("\n".join(lines), highlight=False, markup=False, soft_wrap=True)
    console.print(counts(record), highlight=False)
    name = record["candidate"]["label"]
    words = f"refused by {', '.join(refused)}" if refused else "no contract check refuses it"
    console.print(f"CONTRACT  {name}: {words}", highlight=False, markup=False, soft_wrap=True)


def file_hash(file: File, as_json: AsJson = False) -> None:
    """Print file sha256, logical sha256, layout and sizes: exit 0, or 2 hostile or unreadable.

    Example: mpgate hash run.h5 --json

    Equal logical hashes mean equal content, whatever the layout, row order or compression.
    """
    try:
        dataset = open_dataset(file)
        identity = subject(dataset, dataset_hashes(dataset))
    except MpgateError as error:
        _fail(error)
    if as_json:
        sys.stdout.write(canonical_bytes(identity).decode())
        return
    table = Table.grid(padding=(0, 1))  # narrow: a sha256 can be copied from one line
    for key, value in identity.items():
        table.add_row(key, f"{value:,}" if key.endswith("bytes") else str(value))
    Console().print(table)


def _fail(error: MpgateError) -> None:
    Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(UNREADABLE)
