"""Stands in for the engine's processes: figures depend on the arm and on each row's own data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.engine.child import Listener, Progress
from schemas.dataset import id_name, membership_name, open_dataset
from schemas.engine_metadata import variable_table
from schemas.errors import MeasureError

STEPS = 4


def killed() -> MeasureError:
    return MeasureError("killed by signal 9", reason="engine.killed", remedy="measure again")


def refused(reason: str) -> MeasureError:
    return MeasureError("refused", reason=reason, remedy="none")


class StandIn:
    """Answers as `run_child` does; `jobs` are the jobs it got."""

    def __init__(self) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.stop_after = 99
        self.refuses: Callable[[dict[str, Any]], str] = lambda job: ""
        self.between: Callable[[], None] = lambda: None

    @property
    def ran(self) -> list[list[str]]:
        """Return the arms of each process."""
        return [[arm["id"] for arm in job.get("arms", [job])] for job in self.jobs]

    def __call__(
        self,
        job: dict[str, Any],
        folder: Path,
        progress: Progress | None,
        timeout_s: float,
        worker: str | None = None,
        listener: Listener | None = None,
    ) -> dict[str, Any]:
        self.jobs.append(job)
        if reason := self.refuses(job):
            raise refused(reason)
        meta = {"method": "stand-in", "weights_read": False, "formula_runs": 1}
        if "arms" not in job:
            job["arrays_out"] = str(folder / "arrays.npz")
            self._arm(job, job)
            return meta
        assert listener is not None
        listener({"stage": "import", "done": 0, "total": 1})
        for place, arm in enumerate(job["arms"]):
            if place == self.stop_after:
                raise killed()
            for done in range(STEPS + 1):
                listener({"stage": "output", "done": done, "total": STEPS, "arm": arm["id"]})
            self._arm(job, arm)
            self.between()
            listener({"stage": "arm", "done": 0, "total": 1, "id": arm["id"], "meta": dict(meta)})
        return meta

    def _arm(self, job: dict[str, Any], arm: dict[str, Any]) -> None:
        dataset = open_dataset(job["path"])
        changes = [str(arm["reform"]), str(arm["period"])]
        factor = 1 + sum(map(ord, "".join(changes))) / 1_000
        income = dataset.read("employment_income_before_lsr").astype(float)
        if arm["inputs"]:
            with np.load(arm["inputs"], allow_pickle=False) as stored:
                for name in stored.files:
                    income = income + stored[name]
        arrays = {}
        for request in arm["outputs"]:
            entity = variable_table()[request.partition("@")[0]].entity
            arrays[request] = factor * _of_entity(dataset, entity, income)
        np.savez(arm["arrays_out"], allow_pickle=False, **arrays)


def _of_entity(dataset: Any, entity: str, income: np.ndarray) -> np.ndarray:
    if entity == "person":
        return income
    ids, member = dataset.read(id_name(entity)), dataset.read(membership_name(entity))
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids[order], member)]
    found: np.ndarray = np.bincount(rows, income, len(ids))
    return found
