"""Gate results: assemble, write, and show the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gates.decision import decide, in_words, load_rules
from gates.inputs import JudgeInputs
from gates.judging import error_result, stage_verdict
from gates.policy import STAGES, Policy
from schemas.canonical import atomic_write
from schemas.errors import MpgateError
from schemas.records import write_record

RESULTS = "gate_results.json"
SUMMARY = "summary.md"
EXIT_CODES = {"ready": 0, "blocked": 1, "incomplete": 2, "partial": 2}
EXIT_ERROR = 3
_COLOURS = {"pass": "green", "fail": "red", "error": "red", "unmeasured": "yellow"}


def assemble(
    policy: Policy,
    inputs: JudgeInputs,
    judged: Mapping[str, Mapping[str, Any]],
    *,
    stage: str,
    deselected: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return the gate results record; a selected gate that was never reached is an `error`."""
    gates: list[dict[str, Any]] = []
    for gate in policy.gates:
        if gate.id in deselected:
            continue
        result = judged.get(gate.id) or error_result(
            gate, "the run ended before this gate was judged", "run the gates again"
        )
        gates.append({**result, "status": result["stages"][stage]["status"]})
    manifest = inputs.records.get("baseline")
    engine = inputs.records.get("evidence", {}).get("engine")
    frame = _frame(policy, inputs.candidate, manifest, stage)
    frame["run"]["exceptions_judged_on"] = inputs.exceptions.judged_on
    if inputs.is_table:
        frame["incumbent"]["label"] = inputs.loss_record()["incumbent"]["label"]
    record = {
        **frame,
        "status": "judged",
        "error": None,
        "engine": dict(engine) if engine else None,
        "inputs": inputs.hashes(),
        "gates": gates,
        "deselected": sorted(deselected),
        "verdicts": {each: stage_verdict(gates, each, sorted(deselected)) for each in STAGES},
    }
    return {**record, "decision": _decision(policy, record)}


def error_record(
    policy: Policy,
    candidate: Path,
    incumbent_id: str,
    error: MpgateError,
    stage: str,
    deselected: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return the results of a candidate that could not be judged at all: every gate an error."""
    gates = [
        error_result(gate, error.message, error.remedy)
        for gate in policy.gates
        if gate.id not in deselected
    ]
    identity = {
        "label": candidate.name or str(candidate),
        "sha256": None,
        "logical_sha256": None,
        "size_bytes": None,
    }
    record = {
        **_frame(policy, identity, None, stage),
        "status": "error",
        "error": {"reason": error.reason, "message": error.message, "remedy": error.remedy},
        "engine": None,
        "inputs": {},
        "gates": gates,
        "deselected": sorted(deselected),
        "verdicts": {each: stage_verdict(gates, each, sorted(deselected)) for each in STAGES},
    }
    record["incumbent"]["id"] = incumbent_id
    return {**record, "decision": _decision(policy, record)}


def _decision(policy: Policy, record: Mapping[str, Any]) -> dict[str, Any]:
    blocking = {gate.id: gate.group for gate in policy.gates if gate.blocking[record["stage"]]}
    return decide(record, load_rules(), blocking)


def _frame(
    policy: Policy,
    candidate: Mapping[str, Any],
    manifest: Mapping[str, Any] | None,
    stage: str,
) -> dict[str, Any]:
    eligible = bool(manifest and manifest["release_eligible"])
    return {
        "schema": "gate_results",
        "schema_version": 4,
        "product": policy.product,
        "candidate": dict(candidate),
        "incumbent": {
            "id": manifest["id"] if manifest else "none",
            "label": manifest["label"] if manifest else "no incumbent",
            "sha256": manifest["pins"]["h5_sha256"] if manifest else None,
            "release_eligible": eligible,
        },
        "demonstration": not eligible,
        "stage": stage,
        "policy": {"id": policy.id, "sha256": policy.sha256},
        "run": {"judged_at": datetime.now(UTC).isoformat(timespec="seconds")},
    }


def write_results(directory: Path, record: Mapping[str, Any]) -> None:
    """Write gate_results.json and summary.md, each whole or not at all."""
    write_record(directory / RESULTS, record, "gate_results")
    atomic_write(directory / SUMMARY, summary_markdown(record).encode())


def headline(record: Mapping[str, Any]) -> str:
    """Return the verdict in one line, labelled `demonstration` where it cannot release."""
    verdict = record["verdicts"][record["stage"]]["verdict"]
    label = " (demonstration: this incumbent is not release-eligible)"
    ready = "would be ready" if verdict == "ready" and record["demonstration"] else verdict
    return (
        f"{record['candidate']['label']} against {record['incumbent']['id']}, "
        f"stage {record['stage']}: {ready}{label if record['demonstration'] else ''}"
    )


def counts(record: Mapping[str, Any]) -> str:
    """Return how many gates have each status, in words."""
    statuses = [gate["status"] for gate in record["gates"]]
    return ", ".join(f"{statuses.count(each)} {each}" for each in sorted(set(statuses)))


def summary_markdown(record: Mapping[str, Any]) -> str:
    """Return the verdict and one row per gate as Markdown."""
    decided = in_words(record["decision"]).replace("<", "&lt;")
    lines = [f"# {headline(record)}", "", f"{counts(record)}.", "", f"Decision: {decided}", ""]
    if record["error"]:
        lines += [f"**{record['error']['message']}** {record['error']['remedy']}", ""]
    lines += ["| gate | status | blocks | finding |", "|---|---|---|---|"]
    for gate in record["gates"]:
        stage = gate["stages"][record["stage"]]
        blocks = "yes" if stage["blocking"] else "no"
        finding = f"{gate['message']} ({stage['message']})".replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {gate['id']} | {gate['status']} | {blocks} | {finding} |")
    return "\n".join(lines) + "\n"


def gate_table(record: Mapping[str, Any]) -> Table:
    """Return one row per gate: id (never cut, so that it can be copied), status, finding."""
    table = Table(expand=False)
    for title in ("gate", "status", "blocks"):
        table.add_column(title, no_wrap=True)
    table.add_column("finding", overflow="fold")
    for gate in record["gates"]:
        stage = gate["stages"][record["stage"]]
        style = _COLOURS.get(gate["status"], "white")
        blocks = "yes" if stage["blocking"] else "no"
        table.add_row(gate["id"], Text(gate["status"], style), blocks, Text(gate["message"]))
    return table


def print_results(record: Mapping[str, Any], console: Console) -> None:
    """Print one row per gate and the verdict of the chosen stage."""
    console.print(gate_table(record))
    console.print(counts(record), highlight=False)
    console.print(f"VERDICT  {headline(record)}", highlight=False, markup=False, soft_wrap=True)
    decided = in_words(record["decision"])
    console.print(f"DECISION {decided}", highlight=False, markup=False, soft_wrap=True)
