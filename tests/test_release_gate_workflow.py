"""The pull-request check: what its workflow says, and its steps rehearsed without GitHub.

The steps are run as they stand, with bash, in a copy of the project. Stand-ins take the place of
the actions, of `make` (which would install and build) and of `gh`.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from gates.ci import app as ci_app
from gates.ci_state import MOST_ANNOTATIONS, MOST_SUMMARY
from gates.cli import app as mpgate
from tests.gates.fakes import keep, small_file
from tests.workflow_runner import Job

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "release-gate.yml"
BIN = Path(sys.executable).parent
ROOMS = ("schemas", "baselines", "benchmarks", "gates", "builder", "dashboard")
EXPORT = "Export the dashboard"
LAST = "Set the state of the check"
UNTRUSTED = re.compile(r"\$\{\{")
READ = {"contents": "read", "actions": "read"}
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


def every_step() -> Iterator[tuple[str, dict[str, Any]]]:
    return ((job, step) for job in workflow()["jobs"] for step in steps(job))


def named(job: str, name: str) -> dict[str, Any]:
    return next(step for step in steps(job) if step["name"] == name)


# What the file says


def test_it_runs_for_pull_requests_by_hand_and_on_a_schedule_and_no_more() -> None:
    on = workflow()["on"]
    assert set(on) == {"pull_request", "workflow_dispatch", "schedule"}
    inputs = on["workflow_dispatch"]["inputs"]
    assert set(inputs) == {
        "task",
        "artifact",
        "release",
        "path",
        "incumbent",
        "stage",
        "demonstration",
    }
    assert inputs["demonstration"]["default"] == "fail"
    assert inputs["stage"]["options"] == ["default", "beta"]


def test_nothing_may_write_and_no_secret_is_named() -> None:
    assert workflow()["permissions"] == {"contents": "read"}
    for job in workflow()["jobs"].values():
        assert job["permissions"].items() <= READ.items()
        assert job["timeout-minutes"] <= 150
        assert job["runs-on"] == "ubuntu-latest"
    text = WORKFLOW.read_text()
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert workflow()["concurrency"]["cancel-in-progress"] is True
    checkouts = [step for _, step in every_step() if "actions/checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_expression_reaches_a_shell_and_actions_are_pinned() -> None:
    for _, step in every_step():
        assert not UNTRUSTED.search(step.get("run", "")), step["name"]
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    # what a pull request names freely is nowhere at all
    assert not re.search(r"github\.(head_ref|event\.pull_request\.(title|body|head))", text())


def text() -> str:
    return WORKFLOW.read_text()


def test_every_value_in_a_shell_is_quoted() -> None:
    for _, step in every_step():
        bare = re.sub(r'"[^"]*"', "", step.get("run", ""))
        assert "$" not in bare, step["name"]


def test_the_last_step_alone_sets_the_state_and_evidence_is_uploaded_whatever_happens() -> None:
    listed = steps("gate")
    assert listed[-1]["name"] == LAST
    judge = next(place for place, step in enumerate(listed) if step["name"] == "Judge")
    for step in listed[judge + 1 :]:
        assert step["if"] == "always()", step["name"]
    for step in listed[judge:-1]:
        uploads = "upload-artifact" in step.get("uses", "")
        assert uploads or step["continue-on-error"] is True, step["name"]
    assert "continue-on-error" not in listed[-1]
    kept = named("gate", "Upload results, JUnit and dashboard")["with"]["path"].split()
    assert kept == ["runs/check/results", "site"]


def commands() -> list[list[str]]:
    """Return every command line of ours in the workflow, those behind a shield included."""
    found = []
    for _, step in every_step():
        for line in step.get("run", "").replace("\\\n", " ").splitlines():
            words = shlex.split(line)
            while words[1:5] == ["-m", "gates.ci", "shield", "--"]:
                found.append(words[:4])
                words = words[5:]
            if words and words[0] in ("mpgate", "pytest", "python"):
                found.append(words)
    return found


@cache
def help_of(*command: str) -> str:
    """Return the help of a command; raises where there is no such command."""
    if command == ("pytest",):
        return subprocess.check_output([BIN / "pytest", "--help"], cwd=ROOT, text=True)
    app = ci_app if command[0] == "python" else mpgate
    done = CliRunner().invoke(app, [*command[1:], "--help"], env={"COLUMNS": "200"})
    assert done.exit_code == 0, f"{' '.join(command)}: {done.output}"
    return done.output


def test_every_command_and_option_exists() -> None:
    asked = commands()
    assert len(asked) > 12
    for words in asked:
        options = [word.split("=")[0] for word in words if re.match(r"--[a-z]", word)]
        if words[0] == "python":
            assert words[1:3] == ["-m", "gates.ci"]
            taken = ["python", words[3]]
        else:
            taken = words[: {"pytest": 1}.get(words[0], 2 if words[1] == "index" else 3)]
        found = help_of(*taken)
        for option in options:
            assert re.search(rf"(?<![\w-]){option}\b", found), f"{' '.join(taken)} {option}"


# What the steps do


class Rehearsed:
    """A rehearsal: the job, what was uploaded, and what the stand-ins were called with."""

    def __init__(
        self, place: Path, event: str, *, served: Path | None = None, **inputs: str
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
            "vars": {},
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
            "actions/checkout": lambda given: None,
            "actions/setup-python": lambda given: None,
            "actions/upload-artifact": self._upload,
            "actions/upload-pages-artifact": self._upload,
            "actions/download-artifact": self._download,
        }

    def _upload(self, given: Mapping[str, str]) -> None:
        for path in given["path"].split():
            if (self.checkout / path).exists():
                shutil.copytree(self.checkout / path, self.uploaded / path)

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


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> list[Rehearsed]:
    """Both rehearsals from the first step to the last, side by side."""
    rehearsals = (rehearse_refused, rehearse_judged)
    with ThreadPoolExecutor(len(rehearsals)) as pool:
        begun = [pool.submit(each, tmp_path_factory.mktemp(each.__name__)) for each in rehearsals]
        return [each.result() for each in begun]


@pytest.fixture
def refused(rehearsed: list[Rehearsed]) -> Rehearsed:
    """The rehearsal with a file that is no H5."""
    return rehearsed[0]


@pytest.fixture
def judged(rehearsed: list[Rehearsed]) -> Rehearsed:
    """The rehearsal with a file that can be judged."""
    return rehearsed[1]


def shown_everywhere(found: Rehearsed) -> None:
    """Check what must be there however a candidate was judged."""
    assert (found.uploaded / "site" / "index.html").is_file(), found.said(EXPORT)
    for name in ("summary.md", "annotations.txt"):
        assert (found.uploaded / "site" / name).is_file()
    summary = found.job.summary
    assert "No dashboard was exported" not in summary
    assert len(summary.encode()) < MOST_SUMMARY
    printed = found.said("Write the summary and the annotations").splitlines()
    assert sum(line.startswith("::") for line in printed) <= MOST_ANNOTATIONS
    assert not found.job.done["Build the embedded candidate"].ran


def test_a_hostile_file_is_refused_and_all_is_uploaded(refused: Rehearsed) -> None:
    assert refused.job.failed
    assert not refused.job.done[LAST].ok
    assert refused.results["status"] == "error"
    why = refused.results["error"]["message"]
    said = refused.said(LAST)
    assert said.startswith("::error title=Release gate::not passed: the file could not be judged")
    assert why[:40] in said
    assert why[:40] in refused.job.summary
    shown_everywhere(refused)


def test_nothing_that_was_measured_speaks_to_the_runner(refused: Rehearsed) -> None:
    for step in ("Judge", "Index the run", EXPORT):
        lines = refused.said(step).splitlines()
        mark = lines[0].removeprefix("::stop-commands::")
        assert len(mark) == 64
        assert f"::{mark}::" in lines


def test_a_judged_candidate_is_shown_with_its_junit_and_its_state(judged: Rehearsed) -> None:
    job = judged.job
    results = judged.results
    assert results["status"] == "judged", judged.said("Judge")
    assert job.done["Download the artifact"].given == {
        "run-id": "12",
        "name": "candidate",
        "path": "downloaded",
        "github-token": "none",
    }
    assert "candidate=downloaded/run/candidate.h5" in judged.said(
        "Find the candidate in what was downloaded"
    )
    junit = judged.uploaded / "runs" / "check" / "results" / "junit.xml"
    assert junit.read_text().count("<testcase ") == len(results["gates"])
    verdict = results["verdicts"]["default"]["verdict"]
    assert f"default: {verdict} (demonstration" in judged.said(LAST)
    assert job.failed  # by its last step alone
    assert [name for name, each in job.done.items() if not each.ok] == [
        "Build the embedded incumbent",
        "Judge",
        LAST,
    ]
    assert "No dashboard was exported" in job.summary
    assert verdict in job.summary


@pytest.mark.nightly
def test_a_judged_candidate_has_its_dashboard(tmp_path: Path) -> None:
    found = rehearse_judged(tmp_path, without="")
    assert found.results["status"] == "judged"
    shown_everywhere(found)


def test_a_demonstration_passes_only_where_that_is_asked_for(judged: Rehearsed) -> None:
    step = named("gate", LAST)
    job = judged.job
    asked = {**job.env, "DEMONSTRATION": "report-only"}
    again = Job(job.checkout, {**job.contexts, "env": asked}, asked, job.stand_ins)
    done = again.step(step)
    assert done.ok, done.said
    assert "::notice title=Release gate::demonstration only, no release decision" in done.said
    assert "pass" not in done.said.split("::")[-1].split(":")[0]


def test_the_state_of_a_demonstration_is_a_failure_unless_said_otherwise() -> None:
    given = workflow()["jobs"]["gate"]["env"]["DEMONSTRATION"]
    for inputs, variables, state in (
        ({}, {}, "fail"),
        ({}, {"RELEASE_GATE_DEMONSTRATION": "report-only"}, "report-only"),
        ({"demonstration": "fail"}, {"RELEASE_GATE_DEMONSTRATION": "report-only"}, "fail"),
    ):
        job = Job(ROOT, {"inputs": inputs, "vars": variables}, {}, {})
        assert job.filled(given) == state


def test_a_release_asset_is_fetched_by_name_with_its_manifest(tmp_path: Path) -> None:
    (tmp_path / "beta.h5").write_bytes(b"x")
    given = {"task": "gate", "release": "v1.0/beta.h5"}
    found = Rehearsed(tmp_path / "r", "workflow_dispatch", served=tmp_path / "beta.h5", **given)
    found.run(until="Build the embedded incumbent")
    assert not found.job.failed
    assert found.calls.read_text().splitlines()[-1] == (
        "gh release download v1.0 --pattern beta.h5 --pattern beta.manifest.json --dir downloaded"
    )
    outputs = found.job.contexts["steps"]["locate"]["outputs"]
    assert outputs == {"candidate": "downloaded/beta.h5"}


INJECTION = '"; touch injected; echo "$(touch injected)`touch injected`\ntouch injected'


@pytest.mark.parametrize("name", ["path", "release", "artifact"])
def test_an_input_that_is_code_is_a_word_that_is_refused(tmp_path: Path, name: str) -> None:
    found = Rehearsed(tmp_path / "r", "workflow_dispatch", task="gate", **{name: INJECTION})
    found.run(until="Index the run")
    assert found.job.failed
    assert not found.job.done["Judge"].ran
    assert not (found.checkout / "injected").exists()
    assert "kind" not in found.job.contexts["steps"]["source"]["outputs"]


def test_without_a_candidate_the_embedded_one_is_built(tmp_path: Path) -> None:
    found = Rehearsed(tmp_path / "r", "pull_request").run(until="Build the embedded incumbent")
    assert found.calls.read_text().splitlines() == ["make install", "make runs/demo/candidate.h5"]
    makefile = (ROOT / "Makefile").read_text()
    assert "DEMO := runs/demo\n" in makefile
    assert "INCUMBENT := runs/incumbent/psl-cps-2024.h5\n" in makefile


@pytest.mark.nightly
def test_the_refresh_indexes_and_exports_what_was_published(
    judged: Rehearsed, tmp_path: Path
) -> None:
    given = {"task": "refresh", "artifact": "12/records"}
    served = judged.uploaded / "runs"
    found = Rehearsed(tmp_path / "r", "workflow_dispatch", served=served, **given).run("refresh")
    assert not found.job.failed, found.said(EXPORT)
    assert not found.job.done["Check out the records branch"].ran
    assert (found.uploaded / "site" / "index.html").is_file()


@pytest.mark.nightly
def test_the_installation_is_the_real_one(tmp_path: Path) -> None:
    found = Rehearsed(tmp_path / "r", "pull_request")
    (tmp_path / "r" / "bin" / "make").unlink()
    shutil.copy(ROOT / "constraints.txt", found.checkout)
    shutil.copy(ROOT / "README.md", found.checkout)
    del found.job.env["PYTHONPATH"]
    found.run(until="Build the embedded candidate")
    assert not found.job.failed, found.said("Install")
    assert "kind=embedded" in found.said("Decide where the candidate comes from")
