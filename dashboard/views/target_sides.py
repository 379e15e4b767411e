"""Which two files a run compares, and what stands against relying on the comparison."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from dashboard.blocks import Notice
from dashboard.run_data import GATING_LOSS, RunData, pointer
from dashboard.units import words
from dashboard.views.lookup import GATES, gate_at
from dashboard.views.target_filters import HELD_OUT_GATE
from dashboard.views.verdicts import DEMONSTRATION

_NEAR = 1e-6  # of an error that is formed again from its figures
_ADDS_UP = 1e-9  # as the loss record promises
_HASH = 12
_COUNTS = {"candidate": "/wins", "incumbent": "/losses_count", "tie": "/ties"}


def sides_words(run: RunData) -> str:
    """Return which file is held against which incumbent, and whether that is a demonstration."""
    named = f"{_side(run, 'candidate')} against the incumbent {_side(run, 'incumbent')}"
    return f"{named}, {DEMONSTRATION}" if run.get(GATES, "/demonstration") else named


def _side(run: RunData, side: str) -> str:
    label = run.get("loss", f"/{side}/label")
    if side == "incumbent":
        label = run.get(GATES, "/incumbent/id") or label
    digest = run.get("loss", f"/{side}/sha256")
    return f"{label} ({digest[:_HASH]})" if digest else str(label)


def doubts(run: RunData, frame: pd.DataFrame) -> Iterator[Notice]:
    """Yield why a run's loss record, or its mark of held-out targets, cannot be relied on."""
    if found := contradictions(run, frame):
        yield Notice("bad", f"The loss record contradicts itself: {'; '.join(found)}.")
    yield from held_out_doubts(run)


def held_out_doubts(run: RunData) -> Iterator[Notice]:
    """Yield why nothing is proven by the held-out targets, in the words of the gate on them."""
    at = gate_at(run, HELD_OUT_GATE)
    status = run.get(GATES, f"{at}/status") if at else None
    if at and status in ("unmeasured", "error"):
        yield Notice(
            "bad" if status == "error" else "warning",
            "The targets marked as held out prove nothing here: "
            f"{run.get(GATES, f'{at}/message')} (gate {HELD_OUT_GATE}: {words(status)}).",
        )


def held_out_notices(run: RunData, group: str) -> Iterator[Notice]:
    """Yield that a target is held out, and what of this run stands against it."""
    yield Notice("info", f"Held out: {_held_out_reason(run, group)}")
    if group in (run.get("candidate_manifest", "/target_groups/calibrated") or ()):
        said = "The candidate was calibrated to this held-out target, by its own manifest."
        yield Notice("bad", said)
    yield from held_out_doubts(run)


def _held_out_reason(run: RunData, group: str) -> str:
    for each in run.get("suite", "/held_out") or []:
        if group in each["groups"]:
            return f"no file may be calibrated to it ({each['reason']})."
    return "no file may be calibrated to it."


def contradictions(run: RunData, frame: pd.DataFrame) -> list[str]:
    """Return in words what of the loss record's headline is not what its targets say."""
    return [*_counts(run, frame), *_errors(frame), *_parts(run, frame)]


def _counts(run: RunData, frame: pd.DataFrame) -> Iterator[str]:
    kept = run.get("loss", "/kept/count")
    if kept != len(frame):
        yield f"it compares {kept:,} targets and lists {len(frame):,}"
    if twice := int(frame["target_id"].duplicated().sum()):
        yield f"{twice:,} targets are listed twice"
    for winner, at in _COUNTS.items():
        told, listed = run.get("loss", at), int((frame["winner"] == winner).sum())
        if told != listed:
            name = "ties" if winner == "tie" else f"targets with the {winner} closer"
            yield f"it tells of {told:,} {name} and lists {listed:,}"


def _errors(frame: pd.DataFrame) -> Iterator[str]:
    """Yield how many errors are not those of their figures, and winners not those of the errors."""
    target = frame["target"].to_numpy(dtype=float)
    sides = [frame[f"{side}_error"].to_numpy(dtype=float) for side in ("candidate", "incumbent")]
    wrong = np.zeros(len(frame), dtype=bool)
    with np.errstate(divide="ignore", invalid="ignore"):
        for side, stated in zip(("candidate", "incumbent"), sides, strict=True):
            found = np.abs(frame[side].to_numpy(dtype=float) - target) / np.abs(target)
            wrong |= ~(np.abs(found - stated) <= _NEAR * (1 + stated))
    if wrong.any():
        yield f"{int(wrong.sum()):,} errors are not those of target and estimate"
    order = np.sign(sides[0] - sides[1])
    winner = frame["winner"].map({"candidate": -1.0, "tie": 0.0, "incumbent": 1.0}).to_numpy()
    if turned := int((order != winner).sum()):
        yield f"{turned:,} targets name another file as the closer one than their errors do"


def _parts(run: RunData, frame: pd.DataFrame) -> Iterator[str]:
    """Yield which parts of the gating loss do not add up to its difference."""
    loss = run.get("loss", pointer("losses", GATING_LOSS)) or {}
    if not loss:
        return
    sums = {"the targets": math.fsum(frame["contribution"])}
    for name in ("source", "family", "geography"):
        parts = loss[f"by_{name}"].values()
        sums[f"the parts by {name}"] = math.fsum(part["delta"] for part in parts)
    for name, found in sums.items():
        if not math.isclose(found, loss["delta"], rel_tol=_ADDS_UP, abs_tol=_ADDS_UP):
            yield f"{name} do not add up to the loss difference"
