"""Artifact size: bytes on disk against the incumbent's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gates.inputs import JudgeInputs, NotJudged
from gates.judging import Measurement
from gates.policy import Gate


def judge_size(inputs: JudgeInputs, gate: Gate) -> Measurement:
    """Measure the ratio of the candidate's bytes on disk to the pinned incumbent's.

    A relational extension that was not loaded on its own counts with the H5.
    """
    storage = inputs.storage()
    pinned = inputs.record("baseline")["pins"]["h5_size_bytes"]
    if not pinned:
        raise NotJudged(
            "unmeasured", "the incumbent's size is not pinned", "freeze it from the file"
        )
    stored = storage["h5"]["stored_bytes"]
    counted = [each for each in storage["extensions"] if not each["separately_loadable"]]
    size = stored + sum(each["stored_bytes"] for each in counted)
    return Measurement(
        value=size / pinned,
        candidate=size,
        incumbent=pinned,
        delta=size - pinned,
        contributors=(
            ("H5 file", stored - pinned),
            *((f"extension {each['id']}", each["stored_bytes"]) for each in counted),
        ),
        message=(
            f"{size:,} bytes against {pinned:,}; the H5 has {storage['h5']['logical_bytes']:,} "
            f"logical bytes, compression {_compression(storage['h5'])}"
        ),
        details=(
            f"candidate: {_packing(storage['h5'])}",
            _incumbent(inputs, pinned),
            *_extensions(storage),
        ),
        remedy="compress the file, or move extensions out of it",
    )


def _packing(sizes: Mapping[str, int]) -> str:
    return (
        f"{sizes['stored_bytes']:,} bytes on disk, {sizes['logical_bytes']:,} logical bytes, "
        f"compression {_compression(sizes)}"
    )


def _compression(sizes: Mapping[str, int]) -> str:
    return f"{sizes['logical_bytes'] / sizes['stored_bytes']:.2f}x"


def _incumbent(inputs: JudgeInputs, pinned: int) -> str:
    evidence = inputs.records.get("incumbent_evidence")
    if evidence is None or "logical_bytes" not in evidence["subject"]:
        return f"incumbent: {pinned:,} bytes on disk, logical bytes unknown"
    logical = evidence["subject"]["logical_bytes"]
    return f"incumbent: {_packing({'stored_bytes': pinned, 'logical_bytes': logical})}"


def _extensions(storage: Mapping[str, Any]) -> Iterator[str]:
    """Yield for each extension whether it counts, and why."""
    for each in storage["extensions"]:
        name = f"extension {each['id']} ({each['file']}, {each['stored_bytes']:,} bytes)"
        if each["separately_loadable"]:
            yield f"{name} counts apart: loads on its own ({', '.join(each['tables'])})"
        else:
            yield f"{name} counts with the H5: {each['reason']}"
