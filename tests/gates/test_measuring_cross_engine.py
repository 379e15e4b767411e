"""The cross-engine part of the measuring step: measured, taken from the cache, or why neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gates import measuring
from gates import measuring_cross_engine as crossing
from gates.gathering import Gathering
from gates.measuring import gather
from gates.policy import load_policy
from schemas.errors import MeasureError
from tests.gates.fakes import small_file

FILE = Path("run.h5")
SHA = "0" * 64


def added(*, measure: bool, evidence: bool = True) -> Gathering:
    found = Gathering()
    if evidence:
        found.records["evidence"] = {}
    else:
        found.miss("evidence", "error", "no evidence", "mend the file")
    crossing.add_cross_engine(found, FILE, SHA, measure=measure, progress=None)
    return found


def failing(reason: str) -> Any:
    def fail(*args: Any, **options: Any) -> None:
        raise MeasureError("no second engine", reason=reason, remedy="install it")

    return fail


def test_a_record_is_measured_or_taken_from_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "measure_cross_engine", lambda path, progress: {"path": path})
    monkeypatch.setattr(crossing, "cached_cross_engine", lambda sha256: {"sha256": sha256})
    assert added(measure=True).records["cross_engine"] == {"path": FILE}
    assert added(measure=False).records["cross_engine"] == {"sha256": SHA}


def test_nothing_kept_and_nothing_measured_is_unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crossing, "cached_cross_engine", lambda sha256: None)
    why = added(measure=False).absent["cross_engine"]
    assert (why["status"], "--measure never" in why["remedy"]) == ("unmeasured", True)


@pytest.mark.parametrize(
    ("reason", "status"), [("cross_engine.no_taxcalc", "unmeasured"), ("engine.failed", "error")]
)
def test_a_second_engine_that_cannot_calculate_is_told(
    monkeypatch: pytest.MonkeyPatch, reason: str, status: str
) -> None:
    monkeypatch.setattr(crossing, "measure_cross_engine", failing(reason))
    why = added(measure=True).absent["cross_engine"]
    assert why == {"status": status, "message": "no second engine", "remedy": "install it"}


def test_a_file_without_evidence_is_not_put_to_a_second_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crossing, "measure_cross_engine", failing("asked"))
    found = added(measure=True, evidence=False)
    assert found.absent["cross_engine"] == found.absent["evidence"]


@pytest.mark.parametrize(("mode", "measured"), [("auto", True), ("never", False)])
def test_the_second_engine_is_asked_only_where_measuring_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Any, measured: bool
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    for name in ("smoke_loader", "measure_evidence", "measure_together"):
        monkeypatch.setattr(measuring, name, failing("no engine in this test"))
    monkeypatch.setattr(
        measuring, "add_cross_engine", lambda *given, **options: asked.update(options)
    )
    gather(small_file(tmp_path / "a.h5"), "psl-cps-2024", load_policy(), mode=mode)
    assert asked["measure"] is measured
