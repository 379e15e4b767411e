"""The size gate on hand-made storage records: what counts, and what is shown beside it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.records import validate
from tests.gates.losses import OTHER, OURS, THEIRS, evidence, inputs, judged

GATE = "size.h5"
PINNED = 10  # bytes of the incumbent in tests/gates/losses.py


def storage(stored: int = 12, *extensions: tuple[int, bool], sha256: str = OURS) -> dict[str, Any]:
    """Return a storage record with extensions of some bytes that load on their own or do not."""
    record = {
        "schema": "storage",
        "schema_version": 1,
        "subject": {"sha256": sha256},
        "h5": {"stored_bytes": stored, "logical_bytes": 30},
        "extensions": [
            {
                "id": f"lots-{number}",
                "file": "lots.sqlite",
                "format": "sqlite",
                "stored_bytes": size,
                "separately_loadable": alone,
                "reason": None if alone else "lots.sqlite does not lie beside run.h5",
                "tables": ["lots"] if alone else [],
            }
            for number, (size, alone) in enumerate(extensions)
        ],
    }
    validate(record, "storage")
    return record


def result(record: dict[str, Any], **more: Any) -> dict[str, Any]:
    return judged(GATE, inputs(storage=record, **more))


@pytest.mark.parametrize(("stored", "status"), [(20, "pass"), (21, "fail")])
def test_twice_the_incumbent_is_the_limit_and_never_blocks_beta(stored: int, status: str) -> None:
    found = result(storage(stored))
    assert found["status"] == status
    assert {stage: at["blocking"] for stage, at in found["stages"].items()} == {
        "beta": False,
        "default": True,
    }


def test_bytes_on_disk_logical_bytes_and_compression_are_shown_for_both() -> None:
    theirs = evidence(THEIRS)
    theirs["subject"]["logical_bytes"] = 40
    details = result(storage(), incumbent_evidence=theirs)["details"]
    assert details == [
        "candidate: 12 bytes on disk, 30 logical bytes, compression 2.50x",
        "incumbent: 10 bytes on disk, 40 logical bytes, compression 4.00x",
    ]
    message = result(storage(), incumbent_evidence=theirs)["message"]
    assert message == "12 bytes against 10; the H5 has 30 logical bytes, compression 2.50x"
    unknown = result(storage(), incumbent_evidence=None)["details"]
    assert unknown[1] == "incumbent: 10 bytes on disk, logical bytes unknown"


def test_only_an_extension_that_loads_on_its_own_counts_apart() -> None:
    apart = result(storage(12, (900, True)))
    assert (apart["status"], apart["value"]) == ("pass", 1.2)
    assert "counts apart: loads on its own (lots)" in apart["details"][-1]
    within = result(storage(12, (900, True), (9, False)))
    assert (within["status"], within["value"]) == ("fail", 2.1)
    assert within["details"][-1].endswith(
        "counts with the H5: lots.sqlite does not lie beside run.h5"
    )
    total = sum(part["value"] for part in within["contributors"])
    assert total == within["delta"] == 21 - PINNED


def test_absent_foreign_and_unpinned() -> None:
    assert judged(GATE)["status"] == "unmeasured"
    assert result(storage(sha256=OTHER))["status"] == "error"
    unpinned = {"id": "incumbent", "pins": {"h5_sha256": THEIRS, "h5_size_bytes": None}}
    assert result(storage(), baseline=unpinned)["status"] == "unmeasured"
