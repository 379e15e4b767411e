"""All arms on one or two files: what is run, what is kept, and that sharing changes no figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.engine import session, together
from benchmarks.engine.arms import EXACT, Arm
from benchmarks.engine.subject import SimulationArrays
from benchmarks.engine.together import AT_ONCE_VARIABLE, simulate_arms
from schemas.errors import MeasureError
from schemas.writers import write_entity_tables, write_period_arrays
from tests.benchmarks.engine_stand_in import StandIn
from tests.benchmarks.population import generated_households

OUTPUTS = ("household_net_income", "income_tax", "ssi", "ssi@2024-12")
CTC = {"gov.irs.credits.ctc.amount.base[0].amount": {"2024-01-01.2024-12-31": 3000}}
SSI = {"gov.ssa.ssi.eligibility.resources.limit.individual": {"2024-01-01": 10_000}}
GAINS = "long_term_capital_gains_before_response"
IDS = ["baseline", "ctc", "gains", "baseline-2026", "ssi-2026"]
Results = list[dict[str, SimulationArrays]]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StandIn:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(session.MEMORY_VARIABLE, raising=False)
    stand_in = StandIn()
    monkeypatch.setattr(together, "run_child", stand_in)
    monkeypatch.setattr(session, "run_child", stand_in)
    return stand_in


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / "candidate.h5", tmp_path / "incumbent.h5"]
    for seed, path in enumerate(found):
        write_period_arrays(path, generated_households(8 + 3 * seed, seed), 2024)
    return found


def arms(path: Path, factor: float = 0.5) -> list[Arm]:
    """Return the arms of a file: two baselines, two reforms, and gains of its own."""
    seed = int(path.name == "incumbent.h5")
    gains = generated_households(8 + 3 * seed, seed)[GAINS]
    return [
        Arm("baseline", 2024, OUTPUTS),
        Arm("ctc", 2024, OUTPUTS, reform=CTC),
        Arm("gains", 2024, OUTPUTS, inputs={GAINS: factor * gains + np.arange(len(gains))}),
        Arm("baseline-2026", 2026, OUTPUTS),
        Arm("ssi-2026", 2026, OUTPUTS, reform=SSI),
    ]


def run(paths: Sequence[Path], **options: Any) -> Results:
    return simulate_arms(paths, [arms(path) for path in paths], **options)


def assert_equal(one: Results, two: Results) -> None:
    for these, those in zip(one, two, strict=True):
        assert these.keys() == those.keys()
        for arm in these:
            assert these[arm].arrays.keys() == those[arm].arrays.keys() == set(OUTPUTS)
            for request, values in these[arm].arrays.items():
                np.testing.assert_array_equal(values, those[arm].arrays[request], err_msg=arm)


def test_all_arms_run_in_one_process_and_are_read_the_next_time(
    engine: StandIn, paths: list[Path]
) -> None:
    first = run(paths[:1])
    assert engine.ran == [IDS]
    assert not any(each.meta["cached"] for each in first[0].values())
    assert_equal(run(paths[:1]), first)
    assert engine.ran == [IDS]
    assert all(each.meta["cached"] for each in run(paths[:1])[0].values())
    values = [first[0][arm].arrays["ssi"].sum() for arm in IDS]
    assert len(set(values)) == len(IDS)
    assert first[0]["ctc"].entity["income_tax"] == "tax_unit"


def test_a_baseline_is_the_simulation_of_the_file(engine: StandIn, paths: list[Path]) -> None:
    found = run(paths[:1])[0]["baseline"]
    alone = session.simulate(paths[0], list(OUTPUTS))
    assert alone.meta["cached"]
    np.testing.assert_array_equal(alone.arrays["ssi"], found.arrays["ssi"])


@pytest.mark.parametrize(
    ("finished", "rest"),
    [
        (0, IDS),
        (1, IDS),  # the baseline again: the arms of its year start from it
        (2, ["baseline", "gains", "baseline-2026", "ssi-2026"]),
        (3, ["baseline-2026", "ssi-2026"]),
        (4, ["baseline-2026", "ssi-2026"]),
    ],
)
@pytest.mark.parametrize("count", [1, 2])
def test_a_killed_run_goes_on_where_it_was(
    engine: StandIn, paths: list[Path], finished: int, rest: list[str], count: int
) -> None:
    engine.stop_after = finished
    with pytest.raises(MeasureError, match="killed"):
        run(paths[:count])
    engine.stop_after = 99
    found = run(paths[:count])
    assert engine.ran == [IDS, rest]
    for each in found:
        assert [each[arm].meta["cached"] for arm in IDS] == [i < finished for i in range(5)]


def test_a_baseline_alone_is_run_alone(engine: StandIn, paths: list[Path]) -> None:
    simulate_arms(paths[:1], [arms(paths[0])[1:3]])
    run(paths[:1])
    assert engine.ran == [["ctc", "gains"], ["baseline", "baseline-2026", "ssi-2026"]]


@pytest.mark.parametrize("write", [write_period_arrays, write_entity_tables])
def test_files_together_get_what_they_get_apart(
    engine: StandIn, paths: list[Path], tmp_path: Path, monkeypatch: Any, write: Any
) -> None:
    for seed, path in enumerate(paths):
        write(path, generated_households(8 + 3 * seed, seed), 2024)
    stacked = run(paths)
    assert engine.ran == [IDS]
    assert engine.jobs[0]["stacked"]
    assert engine.jobs[0]["sizes"]["household"] == 8 + 11
    assert engine.jobs[0]["last_year"] == 2026
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "other"))
    apart = [*run(paths[:1]), *run(paths[1:])]
    assert [job["stacked"] for job in engine.jobs[1:]] == [False, False]
    assert_equal(stacked, apart)
    assert stacked[1]["gains"].meta["stacked"]
    assert stacked[1]["gains"].sizes["household"] == 11


def reasons(found: Results) -> set[str]:
    return {each.meta["apart"] for arrays in found for each in arrays.values()}


def test_files_that_lack_other_arms_run_apart(engine: StandIn, paths: list[Path]) -> None:
    simulate_arms(paths[:1], [arms(paths[0])[:2]])
    found = run(paths)
    assert engine.ran[1:] == [["baseline", "gains", "baseline-2026", "ssi-2026"], IDS]
    assert [job["stacked"] for job in engine.jobs] == [False] * 3
    assert found[1]["ctc"].meta["apart"] == "other simulations are missing for each file"


def test_only_the_file_that_lacks_arms_is_run(engine: StandIn, paths: list[Path]) -> None:
    run(paths[:1])
    run(paths)
    assert engine.ran == [IDS, IDS]
    assert engine.jobs[1]["sizes"]["household"] == 11


def test_files_with_inputs_for_other_variables_run_apart(
    engine: StandIn, paths: list[Path]
) -> None:
    first, second = ([arms(path)[0], arms(path)[2]] for path in paths)
    second[1] = replace(second[1], inputs={"taxable_interest_income": second[1].inputs[GAINS]})
    simulate_arms(paths, [first, second])
    assert [job["stacked"] for job in engine.jobs] == [False, False]


def test_files_too_large_to_share_run_apart(engine: StandIn, paths: list[Path]) -> None:
    found = run(paths, memory_gb=1.5)
    assert engine.ran == [IDS, IDS]
    assert all(reason.startswith("together they would need 1.") for reason in reasons(found))
    assert {job["memory_gb"] for job in engine.jobs} == {1.5}


def test_files_that_differ_run_apart(engine: StandIn, paths: list[Path]) -> None:
    columns = generated_households(11, 1)
    del columns["stock_assets"]
    write_period_arrays(paths[1], columns, 2024)
    found = run(paths)
    assert engine.ran == [IDS, IDS]
    assert all("stock_assets" in reason for reason in reasons(found))


def test_where_a_formula_reads_weights_files_run_apart(engine: StandIn, paths: list[Path]) -> None:
    engine.refuses = lambda job: "engine.weights_read" if job["stacked"] else ""
    found = run(paths)
    assert engine.ran == [IDS, IDS, IDS]
    assert [job["stacked"] for job in engine.jobs] == [True, False, False]
    assert reasons(found) == {"a formula read the weights"}


@pytest.mark.parametrize(
    ("reason", "count", "jobs"), [("engine.weights_read", 1, 1), ("engine.memory", 2, 1)]
)
def test_other_refusals_are_told(
    engine: StandIn, paths: list[Path], reason: str, count: int, jobs: int
) -> None:
    engine.refuses = lambda job: reason
    with pytest.raises(MeasureError) as caught:
        run(paths[:count])
    assert caught.value.reason == reason
    assert len(engine.jobs) == jobs


def test_exactly_means_a_process_for_each_arm_and_entries_of_its_own(
    engine: StandIn, paths: list[Path]
) -> None:
    found = run(paths)
    exact = run(paths, exact=True)
    assert engine.ran == [IDS] + 2 * [[arm] for arm in IDS]
    assert all(job["steps"] == [] for job in engine.jobs[1:])
    assert any(arm["steps"] for arm in engine.jobs[0]["arms"])
    assert {each.meta["method"] for each in exact[0].values()} == {EXACT}
    assert_equal(found, exact)
    before = len(engine.jobs)
    assert all(each.meta["cached"] for each in run(paths, exact=True)[1].values())
    assert len(engine.jobs) == before


@pytest.mark.parametrize("count", [1, 2])
def test_progress_rises_to_all_of_it(engine: StandIn, paths: list[Path], count: int) -> None:
    seen: list[tuple[str, int, int]] = []
    run(paths[:count], progress=lambda *message: seen.append(message))
    done = [each for _, each, _ in seen]
    assert done == sorted(done)
    assert (done[0], done[-1], {total for *_, total in seen}) == (0, 1000, {1000})
    assert len(set(done)) > 10
    # A baseline is the longer part of the work.
    assert {name: part for name, part, _ in seen}["baseline"] > 300


def test_a_file_that_changes_meanwhile_is_an_error(engine: StandIn, paths: list[Path]) -> None:
    other = generated_households(8)
    other["age"] = other["age"] + 1
    engine.between = lambda: write_period_arrays(paths[0], other, 2024)
    with pytest.raises(MeasureError) as caught:
        run(paths)
    assert caught.value.reason == "engine.file_changed"
    engine.between = lambda: None
    run(paths)
    assert engine.ran == [IDS, IDS]  # nothing was kept of it


def test_other_inputs_are_other_entries(engine: StandIn, paths: list[Path]) -> None:
    one, two = arms(paths[0])[2], replace(arms(paths[0], factor=0.25)[2], id="less")
    found = simulate_arms(paths[:1], [[one, two]])[0]
    assert (found["gains"].arrays["ssi"] != found["less"].arrays["ssi"]).any()
    again = simulate_arms(paths[:1], [[replace(two, id="gains"), replace(one, id="less")]])[0]
    assert len(engine.jobs) == 1  # an entry is found by what it is made from, not by name
    np.testing.assert_array_equal(again["gains"].arrays["ssi"], found["less"].arrays["ssi"])
    np.testing.assert_array_equal(again["less"].arrays["ssi"], found["gains"].arrays["ssi"])


@pytest.mark.parametrize(
    ("named", "ceiling", "at_once"),
    [("1", 60, 1), ("3", 60, 3), ("3", 0.1, 1), ("3", 3.0, 1), ("3", 3.42, 3)],
)
def test_as_many_processes_as_memory_and_the_setting_allow(
    engine: StandIn,
    paths: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    ceiling: float,
    at_once: int,
) -> None:
    monkeypatch.setenv(AT_ONCE_VARIABLE, named)
    run(paths[:1], memory_gb=ceiling)
    assert engine.jobs[0]["at_once"] == at_once


def test_wrong_arms_are_refused_before_any_process(engine: StandIn, paths: list[Path]) -> None:
    for arm in (
        Arm("a", 2024, ("no_such_variable",)),
        Arm("a", 2024, ()),
        Arm("a", 2024, OUTPUTS, reform={"gov.irs": {"soon": 1}}),
    ):
        with pytest.raises(MeasureError):
            simulate_arms(paths[:1], [[arm]])
    with pytest.raises(ValueError, match="shorter"):
        simulate_arms(paths, [arms(paths[0])])
    assert engine.jobs == []
