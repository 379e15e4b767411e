"""`mpgate build national` as a user types it: what it prints, refuses, and how it exits."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from builder.national.build import Built
from builder.national.config import DEFAULT_CONFIG, load_config
from builder.stages.stage import StageRecord
from gates import build_cli
from gates.build_cli import outcome, require_contract
from gates.cli import app
from gates.policy import load_policy
from gates.results import EXIT_CODES
from schemas.errors import BuildError
from schemas.records import read_record
from tests.gates.bundles import copied
from tests.gates.fakes import small_file
from tests.small import small_columns

runner = CliRunner()
FIGURES = {
    *("verdict", "loss_candidate", "loss_incumbent", "heldout_candidate", "heldout_incumbent"),
    *("wins", "losses", "ess_share", "build_s", "peak_rss_gb", "failing_gates"),
}
JUDGED = FIGURES - {"ess_share", "build_s", "peak_rss_gb"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep caches inside the test."""
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))


def stage(name: str, wall_s: float, peak_rss_bytes: int) -> StageRecord:
    """Return what is known of a stage that took so long and so much memory."""
    made_from: dict[str, Any] = {}
    return StageRecord(
        Path(name),
        id=name,
        key="0" * 64,
        reused=False,
        corruption=None,
        finished_at="2026-11-25T12:00:00+00:00",
        wall_s=wall_s,
        cpu_s=wall_s,
        peak_rss_bytes=peak_rss_bytes,
        predicted_bytes=0,
        written_bytes=0,
        scratch_bytes=0,
        files=(),
        facts={},
        outputs_sha256="0" * 64,
        made_from=made_from,
    )


STAGES = (stage("spine", 10.04, 1_500_000_000), stage("export", 2.5, 700_000_000))


@pytest.fixture
def built(judged: Path, tmp_path: Path) -> Built:
    """A run folder with its verdict, and two stages."""
    return Built(copied(judged, tmp_path), STAGES)


def results_of(built: Built) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((built.folder / "results/gate_results.json").read_text())
    return found


@pytest.fixture
def asked(built: Built, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace building and judging; return what they were asked for."""
    given: dict[str, Any] = {}

    def build(config: Any, out: Path | None, **options: Any) -> Built:
        given.update(options, config=config, out=out)
        options["progress"]("simulate: running", 1, 2)
        options["check"](built.candidate)
        return built

    def judge(run: Path, incumbent: str, policy: Any, stage: str, **options: Any) -> dict[str, Any]:
        given.update(options, run=run, incumbent=incumbent, stage=stage)
        return results_of(built)

    monkeypatch.setattr(build_cli, "build_national", build)
    monkeypatch.setattr(build_cli, "judge_run", judge)
    return given


def national(*args: str) -> tuple[int, str, str]:
    done = runner.invoke(app, ["build", "national", *args])
    return done.exit_code, done.stdout, done.stderr


def test_without_a_verdict_its_figures_are_null(built: Built) -> None:
    found = outcome(built, None, "default")
    assert set(found) == FIGURES | {"run"}
    assert {name for name, value in found.items() if value is None} == JUDGED
    assert found["build_s"] == 12.5
    assert found["peak_rss_gb"] == 1.5
    assert 0 < found["ess_share"] <= 1
    assert found["run"] == built.folder.name


@pytest.mark.parametrize("stage", ["default", "beta"])
def test_the_figures_are_those_of_gates_and_loss_record(built: Built, stage: str) -> None:
    results = results_of(built)
    found = outcome(built, results, stage)
    gates = {each["id"]: each for each in results["gates"]}
    loss = read_record(built.folder / "records/loss.json", "loss_record")
    assert found["verdict"] == results["verdicts"][stage]["verdict"]
    assert found["loss_candidate"] == gates["loss.broad"]["candidate"]
    assert found["loss_incumbent"] == gates["loss.broad"]["incumbent"]
    assert found["heldout_candidate"] == gates["loss.held_out"]["candidate"]
    assert found["heldout_incumbent"] == gates["loss.held_out"]["incumbent"]
    assert found["loss_candidate"] < found["loss_incumbent"]
    assert (found["wins"], found["losses"]) == (loss["wins"], loss["losses_count"])
    assert set(found) == FIGURES | {"run"}


def test_failing_gates_are_those_that_fail_at_the_stage(built: Built) -> None:
    results = results_of(built)
    for gate in results["gates"]:
        gate["stages"]["default"]["status"] = gate["stages"]["beta"]["status"] = "pass"
    for index, status in enumerate(("fail", "error", "warn", "unmeasured")):
        results["gates"][index]["stages"]["default"]["status"] = status
    ids = [each["id"] for each in results["gates"]]
    assert outcome(built, results, "default")["failing_gates"] == ids[:2]
    assert outcome(built, results, "beta")["failing_gates"] == []


def test_without_a_loss_record_wins_are_unknown(built: Built) -> None:
    (built.folder / "records/loss.json").unlink()
    found = outcome(built, results_of(built), "default")
    assert (found["wins"], found["losses"]) == (None, None)


def test_the_last_line_is_json_after_the_tables(built: Built, asked: dict[str, Any]) -> None:
    code, said, _ = national("--out", "runs/x")
    lines = said.strip().splitlines()
    assert code == 0
    assert json.loads(lines[-1]) == outcome(built, None, "default")
    assert "build stages" in said
    assert "household records" in said
    assert asked["out"] == Path("runs/x")
    assert asked["offline"] is True
    assert asked["config"].record == load_config(DEFAULT_CONFIG).record
    assert "incumbent" not in asked


def test_json_prints_the_json_line_alone(built: Built, asked: dict[str, Any]) -> None:
    code, said, errors = national("--json", "--download")
    assert code == 0
    assert said.count("\n") == 1
    assert json.loads(said) == outcome(built, None, "default")
    assert "build stages" not in errors
    assert asked["offline"] is False


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_with_a_baseline_the_run_is_judged_and_decides_the_exit(
    built: Built, asked: dict[str, Any], options: tuple[str, ...]
) -> None:
    code, said, _ = national("--judge", "psl-cps-2024", *options)
    found = json.loads(said.strip().splitlines()[-1])
    assert found == outcome(built, results_of(built), "default")
    assert code == EXIT_CODES[found["verdict"]] != 0
    assert (asked["run"], asked["incumbent"]) == (built.folder, "psl-cps-2024")
    assert (asked["stage"], asked["runtime"]) == ("default", "measure")
    assert ("VERDICT" in said) == (not options)


def test_stage_and_runtime_reach_the_judge(built: Built, asked: dict[str, Any]) -> None:
    code, said, _ = national("--judge", "psl-cps-2024", "--stage", "beta", "--no-runtime", "--json")
    assert (asked["stage"], asked["runtime"], asked["quiet"]) == ("beta", "off", True)
    assert json.loads(said)["verdict"] == results_of(built)["verdicts"]["beta"]["verdict"]
    assert code == EXIT_CODES[json.loads(said)["verdict"]]


@pytest.mark.usefixtures("asked")
def test_own_files_and_pins_are_handed_on(asked: dict[str, Any]) -> None:
    pin = "f" * 64
    national("--path", "irs/a.csv=in=out/a.csv", "--path", "irs/b.csv=b", "--pin", f"scf/c={pin}")
    assert asked["user"].paths == {"irs": {"a.csv": Path("in=out/a.csv"), "b.csv": Path("b")}}
    assert asked["user"].pins == {"scf": {"c": pin}}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--stage", "gamma"), "--stage gamma is unknown"),
        (("--config", "nowhere.json"), "nowhere.json"),
        (("--path", "puf.csv"), "puf.csv is not SOURCE/FILE=VALUE"),
        (("--path", "puf=x"), "puf=x is not SOURCE/FILE=VALUE"),
        (("--pin", "irs/puf.csv="), "irs/puf.csv= is not SOURCE/FILE=VALUE"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_wrong_options_exit_3_before_anything_is_built(
    asked: dict[str, Any], args: tuple[str, ...], said: str, as_json: bool
) -> None:
    code, out, errors = national(*args, *(["--json"] if as_json else []))
    assert code == 3
    assert asked == {}
    if as_json:
        error = json.loads(out)
        assert said in error["error"]
        assert error["remedy"]
    else:
        assert said in errors
        assert "Next:" in errors
        assert "Traceback" not in errors
        assert not out


def test_a_source_that_nobody_knows_is_one_line_and_exit_3() -> None:
    code, _, errors = national("--path", "moon/rocks.csv=rocks.csv")
    assert code == 3
    assert "no source is called moon" in errors


def test_a_build_that_fails_is_one_line_and_exit_3(asked: dict[str, Any], built: Built) -> None:
    small_file(built.candidate, broken())
    code, out, errors = national()
    assert (code, out) == (3, "")
    assert "contract." in errors
    assert "run" not in asked


def broken() -> dict[str, np.ndarray]:
    """Return the small file with one household's weight below zero."""
    columns = small_columns()
    columns["household_weight"] = columns["household_weight"] * np.where(
        np.arange(len(columns["household_weight"])) == 3, -1, 1
    )
    return columns


def test_the_contract_is_required_and_its_gates_are_named(tmp_path: Path) -> None:
    require_contract(small_file(tmp_path / "good.h5"))
    with pytest.raises(BuildError, match=r"contract\.weights") as caught:
        require_contract(small_file(tmp_path / "bad.h5", broken()))
    assert caught.value.reason == "export.contract"
    assert "contract.loader" not in str(caught.value)
    named = [each.partition(":")[0] for each in caught.value.message.split("; ")]
    assert set(named) <= {gate.id for gate in load_policy().gates if gate.group == "contract"}


def test_stages_of_a_run_are_added_up(built: Built) -> None:
    long = replace(built, records=(*STAGES, stage("more", 100.0, 9_000_000_000)))
    found = outcome(long, None, "default")
    assert (found["build_s"], found["peak_rss_gb"]) == (112.5, 9.0)
