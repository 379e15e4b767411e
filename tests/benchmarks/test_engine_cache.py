"""The array cache: what is the same is read, everything else is measured again."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.engine import session
from benchmarks.engine.cache import load_arrays
from schemas.dataset import GROUP_ENTITIES
from schemas.errors import MeasureError
from schemas.writers import write_entity_tables, write_period_arrays
from tests.benchmarks.population import Columns, generated_households

REFORM = {"gov.irs.credits.ctc.amount.base[0].amount": {"2024-01-01.2024-12-31": 3000}}


class FakeChild:
    """Stands in for the engine: answers every request with the row number."""

    def __init__(self, weights_read: bool = False) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.weights_read = weights_read

    def __call__(self, job: dict[str, Any], folder: Path, *_: Any) -> dict[str, Any]:
        self.jobs.append(job)
        job["arrays_out"] = str(folder / "arrays.npz")
        persons = np.arange(job["sizes"]["person"], dtype=float)
        np.savez(job["arrays_out"], **dict.fromkeys(job["outputs"], persons))
        return {"formula_runs": 1, "unique_pairs": 1, "weights_read": self.weights_read}


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeChild:
    monkeypatch.setenv("MPGATE_CACHE", str(tmp_path / "cache"))
    fake = FakeChild()
    monkeypatch.setattr(session, "run_child", fake)
    return fake


@pytest.fixture
def columns() -> Columns:
    return generated_households(20)


@pytest.fixture
def file(tmp_path: Path, columns: Columns) -> Path:
    path = tmp_path / "file.h5"
    write_period_arrays(path, columns, 2024)
    return path


def reordered(columns: Columns, rng: np.random.Generator) -> Columns:
    """Return the same persons in another row order."""
    order = rng.permutation(len(columns["person_id"]))
    count = len(order)
    return {
        name: values[order]
        if len(values) == count and (not name.endswith("_id") or name.startswith("person_"))
        else values
        for name, values in columns.items()
    }


def test_second_call_reads_the_cache(child: FakeChild, file: Path) -> None:
    first = session.simulate(file, ["ssi"])
    second = session.simulate(file, ["ssi"])
    assert (first.meta["cached"], second.meta["cached"]) == (False, True)
    assert len(child.jobs) == 1
    np.testing.assert_array_equal(first.arrays["ssi"], second.arrays["ssi"])
    assert second.meta["engine"]["policyengine_us"] == "2.68.0"


def test_reweighted_file_reads_the_cache(child: FakeChild, file: Path, columns: Columns) -> None:
    session.simulate(file, ["ssi"])
    columns["household_weight"] = columns["household_weight"] * 2
    write_period_arrays(file, columns, 2024)
    assert session.simulate(file, ["ssi"]).meta["cached"]


def test_a_run_that_read_weights_is_not_reused_for_other_weights(
    child: FakeChild, file: Path, columns: Columns
) -> None:
    child.weights_read = True
    session.simulate(file, ["ssi"])
    assert session.simulate(file, ["ssi"]).meta["cached"]
    columns["household_weight"] = columns["household_weight"] * 2
    write_period_arrays(file, columns, 2024)
    assert not session.simulate(file, ["ssi"]).meta["cached"]


def test_other_inputs_outputs_reform_or_row_order_are_measured(
    child: FakeChild, file: Path, columns: Columns, tmp_path: Path
) -> None:
    session.simulate(file, ["ssi"])
    session.simulate(file, ["ssi", "age"])
    session.simulate(file, ["ssi"], REFORM)
    write_period_arrays(file, reordered(columns, np.random.default_rng(1)), 2024)
    session.simulate(file, ["ssi"])
    columns["age"] = columns["age"] + 1
    write_period_arrays(file, columns, 2024)
    session.simulate(file, ["ssi"])
    assert len(child.jobs) == 5


@pytest.mark.parametrize("name", ["arrays.npz", "meta.json"])
def test_damaged_entry_is_measured_again(
    child: FakeChild, file: Path, tmp_path: Path, name: str
) -> None:
    session.simulate(file, ["ssi"])
    (stored,) = (tmp_path / "cache" / "arrays").glob(f"*/{name}")
    content = stored.read_bytes()
    stored.write_bytes(content.replace(b"1", b"2"))
    assert not session.simulate(file, ["ssi"]).meta["cached"]
    assert session.simulate(file, ["ssi"]).meta["cached"]


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "bad.npz", a=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_arrays(tmp_path / "bad.npz")


def test_membership_rows_follow_the_file(child: FakeChild, file: Path, columns: Columns) -> None:
    result = session.simulate(file, ["ssi"])
    for group in GROUP_ENTITIES:
        np.testing.assert_array_equal(
            columns[f"{group}_id"][result.person_to[group]], columns[f"person_{group}_id"]
        )
        assert result.sizes[group] == len(columns[f"{group}_id"])


def test_job_names_the_file_its_sizes_and_national_geography(
    child: FakeChild, file: Path, columns: Columns, tmp_path: Path
) -> None:
    result = session.simulate(file, ["ssi"])
    job = child.jobs[0]
    assert job["path"] == str(file)
    assert job["sizes"]["household"] == 20
    assert job["spm"] == {"geography_kind": "national"} == result.meta["spm"]
    columns["county_fips"] = np.full(20, "06037")
    tables = tmp_path / "tables.h5"
    write_entity_tables(tables, columns, 2024)
    session.simulate(tables, ["ssi"])
    assert (child.jobs[1]["layout"], child.jobs[1]["spm"]) == ("entity_tables", None)


def test_the_engine_is_given_the_name_that_was_judged(
    child: FakeChild, file: Path, tmp_path: Path
) -> None:
    """It reads year and format off the name: a link must not show it another one."""
    link = tmp_path / "judged.h5"
    link.symlink_to(file)
    session.simulate(link, ["age"])
    assert child.jobs[-1]["path"] == str(link)


def test_file_that_changes_meanwhile_is_refused(
    monkeypatch: pytest.MonkeyPatch, child: FakeChild, file: Path
) -> None:
    def changing(job: dict[str, Any], folder: Path, *rest: Any) -> dict[str, Any]:
        with file.open("ab") as stream:
            stream.write(b"x")
        return child(job, folder, *rest)

    monkeypatch.setattr(session, "run_child", changing)
    with pytest.raises(MeasureError, match="changed while it was measured"):
        session.simulate(file, ["ssi"])


@pytest.mark.parametrize(
    ("outputs", "reason"),
    [
        (["no_such_variable"], "engine.unknown_output"),
        (["income_tax@2024-03"], "engine.not_monthly"),
        ([], "engine.no_outputs"),
    ],
)
def test_unusable_requests_start_no_process(
    child: FakeChild, file: Path, outputs: list[str], reason: str
) -> None:
    with pytest.raises(MeasureError) as caught:
        session.simulate(file, outputs)
    assert caught.value.reason == reason
    assert not child.jobs


@pytest.mark.parametrize(
    "reform", [{"gov.x": 3}, {"gov.x": {}}, {"gov.x": {"soon": 3}}, {"gov.x": {"2024-01-01": None}}]
)
def test_malformed_reform_is_refused(child: FakeChild, file: Path, reform: dict[str, Any]) -> None:
    with pytest.raises(MeasureError, match=r"reform of gov\.x cannot be read"):
        session.simulate(file, ["ssi"], reform)
    assert not child.jobs


def test_missing_or_broken_membership_is_named(
    child: FakeChild, file: Path, columns: Columns
) -> None:
    columns["person_family_id"] = columns["person_family_id"] + 10_000
    write_period_arrays(file, columns, 2024)
    with pytest.raises(MeasureError, match="family that does not exist"):
        session.simulate(file, ["ssi"])
    del columns["person_family_id"]
    write_period_arrays(file, columns, 2024)
    with pytest.raises(MeasureError, match="lacks person_family_id"):
        session.simulate(file, ["ssi"])
