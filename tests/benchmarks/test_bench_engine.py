"""The engine beside a plain script: both timed and scaled, equal outputs, the last line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from baselines.store import CACHE_VARIABLE
from benchmarks import bench_engine
from benchmarks.bench_engine import app
from benchmarks.bench_engine_compare import Options, Tools, compare, piece_count
from benchmarks.bench_engine_plain import BEST, LISTED
from schemas.dataset import Dataset, open_dataset
from schemas.errors import MeasureError, UsageError
from schemas.writers import write_entity_tables
from tests.benchmarks.bench_engine_fakes import (
    ARMS,
    BEST_VALUE_S,
    FILES,
    LISTING,
    PLAIN_VALUE_S,
    PLAIN_WHOLE_S,
    VALUE_IDS,
    Fakes,
    write_files,
)
from tests.benchmarks.population import generated_households

FULL = Options(plain_reforms=3, best_order=True, max_minutes=60)
KEYS = {
    "speedup",
    "speedup_whole_suite",
    "speedup_vs_best_order",
    "plain_s",
    "ours_s",
    "peak_rss_gb",
    "outputs_equal",
}
runner = CliRunner()


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_files(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def datasets(paths: dict[str, Path]) -> dict[str, Dataset]:
    return {name: open_dataset(path) for name, path in paths.items()}


def compared(datasets: dict[str, Dataset], fakes: Fakes, options: Options = FULL) -> dict[str, Any]:
    return compare(datasets, dict.fromkeys(FILES, ARMS), LISTING, 2024, options, fakes.tools())


def test_figures_are_those_of_both_sides(datasets: dict[str, Dataset]) -> None:
    fakes = Fakes()
    found = compared(datasets, fakes)
    ours_value, ours_whole = 8 * 2 * len(VALUE_IDS), 8 * 2 * len(ARMS)
    assert found["ours_s"] == ours_value
    assert found["ours_whole_suite_s"] == ours_whole
    assert found["plain_s"] == PLAIN_VALUE_S
    assert found["plain_whole_suite_s"] == PLAIN_WHOLE_S
    assert found["speedup"] == pytest.approx(PLAIN_VALUE_S / ours_value, abs=0.005)
    assert found["speedup_whole_suite"] == pytest.approx(PLAIN_WHOLE_S / ours_whole, abs=0.005)
    assert found["speedup_vs_best_order"] == pytest.approx(BEST_VALUE_S / ours_value, abs=0.005)
    assert found["peak_rss_gb"] == 4.0
    assert found["plain_peak_rss_gb"] == pytest.approx(2.0 + 12 / 10)
    assert found["timed_runs"] == {LISTED: 8, BEST: 4, "value_reforms": 10, "whole_suite": 18}
    assert found["households"] == {"candidate": 6, "incumbent": 7}
    assert found["outputs_equal"] is True
    assert found["differing_outputs"] == {"count": 0, "first": []}
    assert len(fakes.pieces) == piece_count(len(FILES), FULL)
    assert {row["method"] for row in found["our_runs"]} == {"full"}
    assert len(found["our_runs"]) == 28


def test_the_best_order_can_be_left_out(datasets: dict[str, Dataset]) -> None:
    fakes, options = Fakes(), Options(plain_reforms=1, best_order=False, max_minutes=60)
    found = compared(datasets, fakes, options)
    assert found["speedup_vs_best_order"] is None
    assert found["speedup_whole_suite_vs_best_order"] is None
    assert found["plain_s"] == (100 + 4 * 200) + (140 + 4 * 300)
    assert found["timed_runs"][LISTED] == len(fakes.jobs) == 4
    assert len(fakes.pieces) == piece_count(len(FILES), options)


@pytest.mark.parametrize("named", [None, "elsewhere"])
def test_each_session_of_ours_starts_from_an_empty_cache(
    named: str | None,
    datasets: dict[str, Dataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    if named is not None:
        monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / named))
    before, fakes = os.environ.get(CACHE_VARIABLE), Fakes()
    compared(datasets, fakes)
    assert [empty for _, empty in fakes.caches] == [True, True]
    assert len({folder for folder, _ in fakes.caches} - {before}) == 2
    assert os.environ.get(CACHE_VARIABLE) == before
    assert not any(Path(folder).exists() for folder, _ in fakes.caches)


@pytest.mark.parametrize("number", [0, 3, 5, 11])
def test_one_flipped_value_is_found(number: int, datasets: dict[str, Dataset]) -> None:
    found = compared(datasets, Fakes(flip=(number, "ssi@2024-12")))
    run = found["plain_runs"][number]
    place = f"{run['file']} {run['arm']} ({run['order']} order): ssi@2024-12"
    assert found["outputs_equal"] is False
    assert found["differing_outputs"] == {
        "count": 2,
        "first": [f"value_reforms: {place}", f"whole_suite: {place}"],
    }


def test_what_the_best_order_adds_is_not_compared(datasets: dict[str, Dataset]) -> None:
    assert compared(datasets, Fakes(flip=(2, "income_tax")))["outputs_equal"] is True


def test_optional_runs_are_left_out_when_time_is_short(datasets: dict[str, Dataset]) -> None:
    # 224 s of ours and 380 s of needed plain runs leave 296 s, too few for 1.5 x 200 s.
    fakes = Fakes()
    found = compared(datasets, fakes, Options(3, best_order=True, max_minutes=15))
    assert found["timed_runs"] == {LISTED: 2, BEST: 2, "value_reforms": 10, "whole_suite": 18}
    assert found["plain_s"] == 2 * (100 + 4 * 200)
    assert fakes.timeouts[0] == 15 * 60 - 224
    assert fakes.timeouts[-1] == 15 * 60 - 224 - 330
    roomy = compared(datasets, Fakes(), Options(3, best_order=True, max_minutes=29))
    assert roomy["timed_runs"][LISTED] == 5


def test_a_needed_run_without_time_is_an_error(datasets: dict[str, Dataset]) -> None:
    with pytest.raises(MeasureError, match="--max-minutes") as caught:
        compared(datasets, Fakes(slow=10), Options(1, best_order=False, max_minutes=20))
    assert caught.value.reason == "bench.time"


def test_an_unknown_reform_is_refused_before_anything_runs(
    datasets: dict[str, Dataset],
) -> None:
    fakes, arms = Fakes(), [arm for arm in ARMS if arm.id != "ctc-base-3000"]
    with pytest.raises(UsageError, match="ctc-base-3000 is no value-only"):
        compare(datasets, dict.fromkeys(FILES, arms), LISTING, 2024, FULL, fakes.tools())
    assert fakes.caches == []


def test_files_of_equal_inputs_are_refused(datasets: dict[str, Dataset], tmp_path: Path) -> None:
    columns = generated_households(6, 0)
    columns["household_weight"] = columns["household_weight"] * 2
    write_entity_tables(tmp_path / "again.h5", columns, 2024)
    twice = {"candidate": datasets["candidate"], "incumbent": open_dataset(tmp_path / "again.h5")}
    with pytest.raises(UsageError, match="same inputs"):
        compared(twice, Fakes())


@pytest.fixture
def command(
    paths: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[Any, Fakes]]:
    """Return a function that runs the command with stand-ins for both engines."""

    def run(*arguments: str, **changes: Any) -> tuple[Any, Fakes]:
        fakes = Fakes(**changes)
        tools = partial(
            Tools,
            simulate_arms=fakes.simulate_arms,
            run_plain=fakes.run_plain,
            clock=fakes.clock,
        )
        monkeypatch.setattr(bench_engine, "Tools", tools)
        monkeypatch.setattr(bench_engine, "suite_arms", lambda suite, dataset: ARMS)
        files = ["--candidate", str(paths["candidate"]), "--incumbent", str(paths["incumbent"])]
        return runner.invoke(app, [*files, *arguments]), fakes

    return run


def test_the_last_line_is_json_with_every_key(
    command: Callable[..., tuple[Any, Fakes]], tmp_path: Path
) -> None:
    result, fakes = command("--out", str(tmp_path / "result.json"))
    assert result.exit_code == 0, result.output
    last = json.loads(result.stdout.splitlines()[-1])
    assert set(last) >= KEYS
    assert last["plain_s"] == PLAIN_VALUE_S
    assert last["outputs_equal"] is True
    written = json.loads((tmp_path / "result.json").read_text())
    assert {key: written[key] for key in last} == last
    assert len(written["plain_runs"]) == 12
    assert (
        "timed 8 of 10 value-only and 18 suite simulations (4 in the best order)" in result.stdout
    )
    assert "every array of the timed simulations is equal" in result.stdout
    assert fakes.jobs[0]["outputs"][0] == "household_net_income"
    assert fakes.jobs[2]["outputs"][:3] == ["income_tax", "snap", "ssi"]


def test_differing_outputs_are_named_and_exit_1(command: Callable[..., tuple[Any, Fakes]]) -> None:
    result, _ = command("--plain-reforms", "1", "--skip-best-order", flip=(1, "snap"))
    assert result.exit_code == 1
    last = json.loads(result.stdout.splitlines()[-1])
    assert last["outputs_equal"] is False
    assert last["speedup_vs_best_order"] is None
    assert "2 arrays differ" in result.stdout
    place = "candidate ssi-asset-limits-10k-20k (listed order): snap"
    assert last["differing_outputs"]["first"] == [
        f"value_reforms: {place}",
        f"whole_suite: {place}",
    ]


def test_an_error_says_what_to_do_and_exits_3(command: Callable[..., tuple[Any, Fakes]]) -> None:
    result, _ = command("--max-minutes", "5")
    assert result.exit_code == 3
    assert "--plain-reforms 1 --skip-best-order" in result.stderr
    assert result.stdout == ""
    absent, fakes = command("--candidate", "absent.h5")
    assert absent.exit_code == 3
    assert "absent.h5" in absent.stderr
    assert fakes.caches == []
