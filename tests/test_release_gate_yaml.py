"""The pull-request check: what its workflow file says."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

from typer.testing import CliRunner

from gates.ci import app as ci_app
from gates.cli import app as mpgate
from tests.workflow_rehearsal import BIN, LAST, ROOT, WORKFLOW, named, steps, workflow
from tests.workflow_runner import Job

UNTRUSTED = re.compile(r"\$\{\{")
READ = {"contents": "read", "actions": "read"}


def every_step() -> Iterator[tuple[str, dict[str, Any]]]:
    return ((job, step) for job in workflow()["jobs"] for step in steps(job))


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


def test_what_runs_our_code_may_not_write_and_no_secret_is_named() -> None:
    assert workflow()["permissions"] == {"contents": "read"}
    for name, job in workflow()["jobs"].items():
        if any("run" in step or "checkout" in step["uses"] for step in steps(name)):
            assert job["permissions"].items() <= READ.items()
        assert job["timeout-minutes"] <= 150
        assert job["runs-on"] == "ubuntu-latest"
    text = WORKFLOW.read_text()
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert workflow()["concurrency"]["cancel-in-progress"] is True
    checkouts = [step for _, step in every_step() if "actions/checkout" in step.get("uses", "")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_only_what_was_published_goes_to_pages() -> None:
    jobs = workflow()["jobs"]
    writing = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
    assert writing == ["deploy"]
    assert jobs["deploy"]["permissions"] == {"pages": "write", "id-token": "write"}
    assert jobs["deploy"]["needs"] == "refresh"
    (step,) = steps("deploy")
    assert step["uses"].startswith("actions/deploy-pages@")
    uploads = named("refresh", "Upload the dashboard for Pages")["if"]
    for variable, artifact, goes in (("true", "", True), ("", "", False), ("true", "1/x", False)):
        given = {"inputs": {"artifact": artifact}, "vars": {"RELEASE_DASHBOARD_PAGES": variable}}
        job = Job(ROOT, given, {}, {})
        assert job.value(jobs["deploy"]["if"]) is goes
        assert job.value(uploads) is (artifact == "")


def test_no_expression_reaches_a_shell() -> None:
    for _, step in every_step():
        assert not UNTRUSTED.search(step.get("run", "")), step["name"]
    # what a pull request names freely is nowhere at all
    assert not re.search(r"github\.(head_ref|event\.pull_request\.(title|body|head))", text())


def test_each_action_is_pinned_by_one_commit_with_its_version() -> None:
    used = re.findall(r"uses: +(.*)", text())
    pins = [
        re.fullmatch(r"(actions/[a-z-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)", each) for each in used
    ]
    assert all(pins), used
    of_each = {each.group(1): each.group(0) for each in pins if each}
    assert len(used) > 10
    assert set(used) == set(of_each.values())


def test_a_branch_brings_nothing_that_the_job_makes() -> None:
    first, second, *_ = steps("gate")
    assert first["uses"].startswith("actions/checkout@")
    cleared = shlex.split(second["run"])
    assert cleared == ["rm", "-rf", ".venv", ".mpgate", "runs", "site", "downloaded"]
    made = {workflow()["jobs"]["gate"]["env"]["RESULTS"].split("/")[0]}
    made |= {step["with"]["path"] for step in steps("gate") if "download-" in step.get("uses", "")}
    assert made <= set(cleared)


def test_a_judging_that_hangs_leaves_time_to_upload_and_to_set_the_state() -> None:
    whole = workflow()["jobs"]["gate"]["timeout-minutes"]
    assert 60 <= named("gate", "Judge")["timeout-minutes"] <= whole - 45


def test_variables_set_what_a_pull_request_can_not() -> None:
    given = workflow()["jobs"]["gate"]["env"]
    for name, usual in (("INCUMBENT", "psl-cps-2024"), ("STAGE", "default")):
        for variables, wanted in (({}, usual), ({f"RELEASE_GATE_{name}": "other"}, "other")):
            job = Job(ROOT, {"inputs": {}, "vars": variables}, {}, {})
            assert job.filled(given[name]) == wanted


def test_every_repository_variable_is_explained() -> None:
    used = set(re.findall(r"vars\.(\w+)", text()))
    decision = (ROOT / "docs/decisions/0014-workflow-trusts-no-branch.md").read_text()
    assert len(used) == 5
    assert used == set(re.findall(r"^\| `(\w+)` \|", decision, re.M))


def test_the_state_of_a_demonstration_is_a_failure_unless_said_otherwise() -> None:
    given = workflow()["jobs"]["gate"]["env"]["DEMONSTRATION"]
    for inputs, variables, state in (
        ({}, {}, "fail"),
        ({}, {"RELEASE_GATE_DEMONSTRATION": "report-only"}, "report-only"),
        ({"demonstration": "fail"}, {"RELEASE_GATE_DEMONSTRATION": "report-only"}, "fail"),
    ):
        job = Job(ROOT, {"inputs": inputs, "vars": variables}, {}, {})
        assert job.filled(given) == state


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
        assert step["if"] == "${{ !cancelled() }}", step["name"]
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
