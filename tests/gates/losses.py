"""A small hand-made loss record and the inputs around it, for judging without a suite."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

from gates.exceptions import ExceptionSet
from gates.inputs import JudgeInputs
from gates.judges import JUDGES
from gates.judging import judge_gate
from gates.policy import load_policy
from schemas.canonical import sha256_json
from schemas.records import validate

OURS, THEIRS, OTHER = "a" * 64, "b" * 64, "c" * 64
SUITE = {
    "held_out": [{"groups": ["group_held"]}],
    "leak_sets": [["group_held", "group_telling"], ["group_train", "group_other"]],
    "families": {"snap": {"targets": ["plain.won", "state.lost", "third"]}},
    "benchmarks": [],
}
SUITE_ID = {"id": "s", "sha256": sha256_json(SUITE)}
PINNED = {"id": "t", "sha256": "d" * 64}
TODAY = "2026-11-25"
LOSS = "broad_relative_v1"
POLICY = load_policy()
PARTS = [("plain.won", -0.4), ("state.lost", 0.1), *((f"small.{i:02}", -0.004) for i in range(25))]
Change = Callable[[dict[str, Any]], None]


def target(name: str, part: float) -> dict[str, Any]:
    """Return a kept target; the one that was lost is a held-out state row."""
    state = name.startswith("state")
    return {
        "target_id": name,
        "family": "snap" if state else "wages",
        "source": "USDA" if state else "IRS",
        "scope": "state" if state else "filer",
        "entity": "person",
        "unit": "usd",
        "geography_level": "state" if state else "national",
        "geography_id": "06" if state else "US",
        "holdout_group": "group_held" if state else "group_train",
        "role": "held_out" if state else "train",
        "target": 100.0,
        "candidate": 101.0,
        "incumbent": 102.0,
        "candidate_error": 0.01,
        "incumbent_error": 0.02,
        "contribution": part,
        "winner": "incumbent" if part > 0 else "candidate",
    }


def loss_record(*changes: Change) -> dict[str, Any]:
    """Return a valid loss record, changed by each of `changes`."""
    pairs = [{"name": name, "value": value} for name, value in PARTS]
    delta = sum(value for _, value in PARTS)
    noise = {"standard_error": 0.01, "within_noise": False}
    sides = {"candidate": 0.6, "incumbent": 1.0}
    record = {
        "schema": "loss_record",
        "schema_version": 2,
        "candidate": {"label": "ours.h5", "sha256": OURS},
        "incumbent": {"label": "theirs.h5", "sha256": THEIRS},
        "source": {"kind": "evidence", "sha256": None},
        "suite": SUITE_ID,
        "target_db": PINNED,
        "kept": {"count": 27, "sha256": OTHER, "target_ids": [name for name, _ in PARTS]},
        "dropped": [],
        "losses": {
            LOSS: {
                "definition_sha256": OTHER,
                "candidate": 1.0 + delta,
                "incumbent": 1.0,
                "delta": delta,
                **noise,
                "train": sides,
                "top_10_share": sides,
                "held_out": {"candidate": 0.5, "incumbent": 0.49, "delta": 0.01, **noise},
                "by_family": {},
                "by_source": {},
                "by_geography": {},
                "contributors": pairs,
                "dropped": [],
            }
        },
        "wins": 26,
        "losses_count": 1,
        "ties": 0,
        "headline_agrees": True,
        **dict.fromkeys(("median_error", "p90_error", "share_within_10pct", "top_10_share"), sides),
        "held_out": {"worst": "group_held", "groups": [group("group_held", 0.1)]},
        "families": families(noise),
        "aggregates": aggregates(noise),
        "noise": {
            "method": "household_bootstrap",
            "replicates": 500,
            "seeds": [1, 2],
            "agreement": {LOSS: 0.01},
            "reason": None,
        },
        "targets": [target(name, value) for name, value in PARTS],
        "top_wins": pairs[:1],
        "top_losses": pairs[1:2],
        "run": {},
    }
    record = copy.deepcopy(record)
    for change in changes:
        change(record)
    validate(record, "loss_record")
    return record


def group(name: str, delta: float) -> dict[str, Any]:
    """Return one held-out group of the incumbent's mean error 0.2."""
    return {
        "group": name,
        "set": "eitc",
        "kind": "income_program",
        "targets": 1,
        "candidate": 0.2 + delta,
        "incumbent": 0.2,
        "delta": delta,
    }


def families(noise: Mapping[str, Any]) -> dict[str, Any]:
    """Return one family with targets, one by the incumbent's estimate, one without anything."""
    on_targets = {
        "basis": "targets",
        "targets": ["plain.won", "state.lost"],
        "candidate": 0.105,
        "incumbent": 0.1,
        "delta": 0.005,
        **noise,
        "contributors": [
            {"name": "state.lost", "value": 0.008},
            {"name": "plain.won", "value": -0.003},
        ],
    }
    own = {"basis": "incumbent_estimate", "targets": [], "candidate": 0.004, "incumbent": 0.0}
    none = {"basis": "none", "targets": [], "candidate": None, "incumbent": None, "delta": None}
    return {
        "snap": on_targets,
        "household_net_income": {**own, "delta": 0.004, **noise, "contributors": []},
        "ssi": {**none, "standard_error": None, "within_noise": None, "contributors": []},
    }


def aggregates(noise: Mapping[str, Any]) -> dict[str, Any]:
    """Return one aggregate that got worse, one by the incumbent's estimate, one without any."""
    worse = {
        "basis": "targets",
        "target_id": "plain.won",
        "target": 100e9,
        "candidate": 104e9,
        "incumbent": 99e9,
        "candidate_error": 0.04,
        "incumbent_error": 0.01,
        "delta": 0.03,
        **noise,
    }
    own = {
        **worse,
        "basis": "incumbent_estimate",
        "target_id": None,
        "target": 200e9,
        "candidate": 209e9,
        "incumbent": 200e9,
        "candidate_error": 0.045,
        "incumbent_error": 0.0,
        "delta": 0.045,
    }
    return {
        "snap_value": worse,
        "household_net_income": own,
        "ssi_value": {**dict.fromkeys(worse), "basis": "none"},
    }


def bands() -> dict[str, Any]:
    """Return the bands of a manifest around the figures of `incumbent_evidence`."""
    names = ("household_weight_sum", "wages", "ssi", "snap")
    return {name: {"low": 90.0, "high": 110.0, "unit": "usd"} for name in names}


def evidence(sha256: str) -> dict[str, Any]:
    """Return the parts of an evidence record that judges of losses look at."""
    return {
        "schema": "evidence",
        "subject": {"sha256": sha256},
        "suite": SUITE_ID,
        "target_db": PINNED,
        "weights": {"household_sum": 100.0},
        "baseline": {"wages": 90.0, "ssi": 110.0, "snap": 100.0},
        "benchmarks": [],
    }


def candidate_manifest() -> dict[str, Any]:
    """Return the parts of a candidate manifest that judges look at."""
    return {
        "h5": {"sha256": OURS},
        "suite": SUITE_ID,
        "target_db": PINNED,
        "target_groups": {"calibrated": ["group_train"], "held_out": ["group_held"]},
    }


def inputs(*changes: Change, exceptions: ExceptionSet | None = None, **given: Any) -> JudgeInputs:
    """Return judge inputs around `loss_record(*changes)`; `given` replaces records, None drops."""
    records: dict[str, Any] = {
        "baseline": {
            "id": "incumbent",
            "pins": {"h5_sha256": THEIRS, "h5_size_bytes": 10},
            "sanity_bands": bands(),
        },
        "evidence": evidence(OURS),
        "incumbent_evidence": evidence(THEIRS),
        "suite": SUITE,
        "candidate_manifest": candidate_manifest(),
        "loss": loss_record(*changes),
        **given,
    }
    identity = {"label": "ours.h5", "sha256": OURS, "logical_sha256": None, "size_bytes": 10}
    kept = {name: record for name, record in records.items() if record is not None}
    return JudgeInputs(identity, kept, {}, exceptions or ExceptionSet(judged_on=TODAY))


def judged(gate_id: str, found: JudgeInputs | None = None) -> dict[str, Any]:
    """Return the result of one gate of the national policy."""
    return judge_gate(POLICY.gate(gate_id), found or inputs(), JUDGES)


def total(result: Mapping[str, Any]) -> float:
    """Return the sum of the contributors of a result."""
    return float(sum(part["value"] for part in result["contributors"]))
