"""The pull-request check: its steps rehearsed without GitHub, from the first to the last."""

from __future__ import annotations

import json
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gates.ci_state import MOST_ANNOTATIONS, MOST_SUMMARY
from gates.judging import stage_verdict
from tests.workflow_rehearsal import (
    EXPORT,
    LAST,
    ROOT,
    Rehearsed,
    named,
    rehearse_judged,
    rehearse_refused,
    workflow,
)
from tests.workflow_runner import Done, Job


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


def last_step_again(judged: Rehearsed, demonstration: str) -> Done:
    """Return what the last step says of the results that now lie there."""
    job = judged.job
    asked = {**job.env, "DEMONSTRATION": demonstration}
    again = Job(job.checkout, {**job.contexts, "env": asked}, asked, job.stand_ins)
    return again.step(named("gate", LAST))


def test_a_demonstration_passes_only_where_that_is_asked_for_and_all_was_judged(
    judged: Rehearsed,
) -> None:
    done = last_step_again(judged, "report-only")
    assert not done.ok
    assert re.search(r"not judged: .*\bruntime\.median\b", done.said)
    path = judged.checkout / "runs" / "check" / "results" / "gate_results.json"
    kept = path.read_bytes()
    try:
        path.write_text(json.dumps(as_if_measured(json.loads(kept))))
        assert not last_step_again(judged, "fail").ok
        done = last_step_again(judged, "report-only")
    finally:
        path.write_bytes(kept)
    assert done.ok, done.said
    assert "::notice title=Release gate::demonstration only, no release decision" in done.said
    assert "pass" not in done.said.split("::")[-1].split(":")[0]


def as_if_measured(record: dict[str, Any]) -> dict[str, Any]:
    """Return results in which every gate that was not judged failed instead."""
    stage = record["stage"]
    for gate in record["gates"]:
        if gate["status"] in ("error", "unmeasured"):
            gate["status"] = gate["stages"][stage]["status"] = "fail"
    record["verdicts"][stage] = stage_verdict(record["gates"], stage, record["deselected"])
    return record


def test_what_a_branch_brings_as_results_is_never_shown(tmp_path: Path) -> None:
    found = Rehearsed(tmp_path / "r", "workflow_dispatch", task="gate", path="absent.h5")
    forged = (
        "runs/check/results/gate_results.json",
        "site/summary.md",
        ".mpgate/x",
        "downloaded/x.h5",
    )
    for name in forged:
        (found.checkout / name).parent.mkdir(parents=True)
        (found.checkout / name).write_text("forged")
    found.run()
    assert found.job.failed
    assert not found.job.done["Judge"].ran
    assert "::error title=Release gate::not passed: there are no gate results" in found.said(LAST)
    assert "No dashboard was exported" in found.job.summary
    assert "forged" not in found.job.summary
    assert not found.uploaded.exists()
    assert not any((found.checkout / name).exists() for name in forged)


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


def test_the_schedule_indexes_the_records_branch_where_there_is_one(
    judged: Rehearsed, tmp_path: Path
) -> None:
    variables = {"RELEASE_RECORDS_BRANCH": "published"}
    served = judged.uploaded / "runs"
    found = Rehearsed(tmp_path / "r", "schedule", served=served, variables=variables)
    found.run("refresh", until=EXPORT)
    assert not found.job.failed, found.said("Index the records")
    assert "1 runs in the index, 0 of them broken" in found.said("Index the records")
    given = found.job.done["Check out the records branch"].given
    assert (given["ref"], given["path"]) == ("published", "records")
    found.job.contexts["vars"] = {}
    assert not found.job.value(workflow()["jobs"]["refresh"]["if"])


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
