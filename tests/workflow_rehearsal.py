"""The release-gate workflow: its steps as data, and a rehearsal of them without GitHub.

The steps are run as they stand, with bash, in a copy of the project. Stand-ins take the place of
the actions, of `make` (which would install and build) and of `gh`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gates.fakes import keep, small_file
from tests.workflow_runner import Job

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "release-gate.yml"
BIN = Path(sys.executable).parent
ROOMS = ("schemas", "baselines", "benchmarks", "gates", "builder", "dashboard")
EXPORT = "Export the dashboard"
LAST = "Set the state of the check"
MAKE = """#!/bin/sh
echo "make $*" >> "$CALLS"
case "$1" in install) ln -s "$VENV" .venv;; *) exit 3;; esac
"""
GH = """#!/bin/sh
echo "gh $*" >> "$CALLS"
mkdir downloaded && cp "$SERVED" downloaded/
"""


@cache
def workflow() -> dict[str, Any]:
    # the key `on` is true for YAML 1.1
    read: dict[Any, Any] = yaml.safe_load(WORKFLOW.read_text())
    return {"on" if key is True else key: value for key, value in read.items()}


def steps(job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workflow()["jobs"][job]["steps"]
    return found


def named(job: str, name: str) -> dict[str, Any]:
    return next(step for step in steps(job) if step["name"] == name)


class Rehearsed:
    """A rehearsal: the job, what was uploaded, and what the stand-ins were called with."""

    def __init__(
        self,
        place: Path,
        event: str,
        *,
        served: Path | None = None,
        variables: Mapping[str, str] | None = None,
        **inputs: str,
    ) -> None:
        """Copy the project and put the stand-ins into the path."""
        self.place, self.served = place, served
        self.checkout = place / "checkout"
        self.uploaded = place / "uploaded"
        self.calls = place / "calls"
        self.checkout.mkdir(parents=True)
        self.calls.touch()
        copied = [*ROOMS, "pyproject.toml", "Makefile"]
        subprocess.run(
            ["cp", "-a", *(str(ROOT / each) for each in copied), "."], cwd=self.checkout, check=True
        )
        for name, script in (("make", MAKE), ("gh", GH)):
            (place / "bin").mkdir(exist_ok=True)
            (place / "bin" / name).write_text(script)
            (place / "bin" / name).chmod(0o755)
        contexts = {
            "github": {"event_name": event, "token": "none"},
            "inputs": inputs,
            "vars": variables or {},
        }
        self.job = Job(self.checkout, contexts, self._env(), self._stand_ins())

    def run(self, job: str = "gate", *, until: str = "", without: str = "") -> Rehearsed:
        assert self.job.value(workflow()["jobs"][job]["if"])
        self.job.run(workflow()["jobs"][job], until=until, without=without)
        return self

    def _env(self) -> dict[str, str]:
        return {
            "PATH": f"{self.place / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.place),
            "PYTHONPATH": str(self.checkout),
            "PYTEST_ADDOPTS": "--measure never --no-runtime -p no:cacheprovider",
            "MPGATE_CACHE": str(self.place / "cache"),
            "GITHUB_REPOSITORY": "owner/data",
            "CALLS": str(self.calls),
            "SERVED": str(self.served),
            "VENV": str(BIN.parent),
        }

    def _stand_ins(self) -> dict[str, Any]:
        return {
            "actions/checkout": self._check_out,
            "actions/setup-python": lambda given: None,
            "actions/upload-artifact": self._upload,
            "actions/upload-pages-artifact": self._upload,
            "actions/download-artifact": self._download,
        }

    def _check_out(self, given: Mapping[str, str]) -> None:
        if "path" in given:  # another branch, below this one
            self._download(given)

    def _upload(self, given: Mapping[str, str]) -> None:
        for path in given["path"].split():
            if (self.checkout / path).exists():
                shutil.copytree(self.checkout / path, self.uploaded / path, dirs_exist_ok=True)

    def _download(self, given: Mapping[str, str]) -> None:
        assert self.served is not None
        shutil.copytree(self.served, self.checkout / given["path"])

    def said(self, step: str) -> str:
        return self.job.done[step].said

    @property
    def results(self) -> dict[str, Any]:
        path = self.uploaded / "runs" / "check" / "results" / "gate_results.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found


def rehearse_refused(place: Path) -> Rehearsed:
    """Return what became of a pull request that brings a candidate which is no H5 at all."""
    found = Rehearsed(place, "pull_request")
    (found.checkout / "candidate").mkdir()
    (found.checkout / "candidate" / "candidate.h5").write_text("::error::a,b\n")
    return found.run()


def rehearse_judged(place: Path, without: str = EXPORT) -> Rehearsed:
    """Return what became of a candidate from an artifact, whose evidence is in the cache.

    The export of a whole run takes too long for every run of the tests and is left out.
    """
    served = place / "served"
    (served / "run").mkdir(parents=True)
    candidate = small_file(served / "run" / "candidate.h5")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MPGATE_CACHE", str(place / "cache"))
        keep(candidate, error=0.02)
    given = {"task": "gate", "artifact": "12/candidate", "incumbent": "psl-cps-2024"}
    found = Rehearsed(place, "workflow_dispatch", served=served, **given, stage="default")
    return found.run(without=without)
