"""What reruns when something changes, what a stage is handed, and what is refused."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from builder.stages.stage import Stage, StageContext, StageRecord, stages_record
from builder.stages.table import stage_table
from schemas.canonical import sha256_bytes
from schemas.errors import BuildError, MeasureError, RecordError
from schemas.records import read_record, validate, write_record
from tests.builder.stages_chain import build, chain, logged, result, stage, with_

SHA = sha256_bytes(b"targets")
CHAIN = ["sources", "fit", "export"]


def _nothing(context: StageContext) -> Mapping[str, Any]:
    return {}


def _ran(store: Path, stages: Sequence[Stage], log: list[str], **options: Any) -> list[str]:
    """Return the stages that this build ran; what it says of reuse must agree."""
    log.clear()
    records = build(store, stages, **options)
    ran = [name for name in log if not name.startswith("step")]
    assert ran == [record.id for record in records if not record.reused]
    return ran


def test_a_second_build_runs_nothing_and_has_the_same_records(tmp_path: Path) -> None:
    first = build(tmp_path, chain([]))
    log: list[str] = []
    second = build(tmp_path, chain(log))
    assert log == []
    assert [replace(record, reused=False) for record in second] == first


@pytest.mark.parametrize(
    ("changed", "reruns"), [("sources", CHAIN), ("fit", CHAIN[1:]), ("export", CHAIN[2:])]
)
@pytest.mark.parametrize(
    "change", [{"settings": {"seed": 2}}, {"data": {"targets": SHA}}, {"code": (Path(__file__),)}]
)
def test_a_change_reruns_its_stage_and_all_after_it(
    tmp_path: Path, changed: str, reruns: list[str], change: dict[str, Any]
) -> None:
    log: list[str] = []
    stages = chain(log)
    build(tmp_path, stages)
    assert _ran(tmp_path, with_(stages, changed, **change), log) == reruns
    assert _ran(tmp_path, stages, log) == []  # the old checkpoints are still there


def test_a_package_version_is_part_of_every_key(tmp_path: Path) -> None:
    log: list[str] = []
    build(tmp_path, chain(log))
    versions = {"policyengine-us": "2.68.1"}
    assert _ran(tmp_path, chain(log), log, versions=versions) == CHAIN


@settings(max_examples=8, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_in_any_graph_exactly_the_changed_stage_and_its_followers_rerun(
    data: st.DataObject,
) -> None:
    names = [f"s{number}" for number in range(4)]
    log: list[str] = []
    stages, followers = [], {name: {name} for name in names}
    for number, name in enumerate(names):
        needs = data.draw(st.lists(st.sampled_from(names[:number] or [""]), unique=True))
        needs = [need for need in needs if need]
        for ancestors in followers.values():
            if ancestors & set(needs):
                ancestors.add(name)
        stages.append(logged(log, name, *needs))
    changed = data.draw(st.sampled_from(names))
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), stages)
        ran = _ran(Path(folder), with_(stages, changed, settings={"x": 1}), log)
    assert ran == [name for name in names if name in followers[changed]]


def test_no_early_cut_off_an_equal_output_of_a_changed_stage_reruns_what_follows(
    tmp_path: Path,
) -> None:
    log: list[str] = []
    stages = chain(log)
    first = build(tmp_path, stages)
    second = build(tmp_path, with_(stages, "sources", settings={"seed": 2}))
    assert first[0].outputs_sha256 == second[0].outputs_sha256
    assert first[1].key != second[1].key
    assert second[1].made_from["needs"]["sources"]["key"] == second[0].key


@pytest.mark.parametrize(("output", "reruns"), [("same", ["a"]), ("other", ["a", "b"])])
def test_a_stage_redone_under_its_key_lets_equal_followers_stand(
    tmp_path: Path, output: str, reruns: list[str]
) -> None:
    log: list[str] = []
    texts = iter(["same", output])

    def a(context: StageContext) -> Mapping[str, Any]:
        log.append("a")
        (context.folder / "a.txt").write_text(next(texts))
        return {}

    stages = [stage("a", a), logged(log, "b", "a")]
    first = build(tmp_path, stages)
    (first[0].folder / "a.txt").write_text("damaged")
    assert _ran(tmp_path, stages, log) == reruns


def test_facts_alone_are_an_output_too(tmp_path: Path) -> None:
    counts = iter([1, 2])
    stages = [stage("a", lambda context: {"n": next(counts)}), stage("b", _nothing, "a")]
    first = build(tmp_path, stages)
    (first[0].folder / "stage.json").unlink()
    second = build(tmp_path, stages)
    assert [record.reused for record in second] == [False, False]


def test_code_counts_by_its_bytes_not_by_its_place(tmp_path: Path) -> None:
    for place in ("here", "there"):
        package = tmp_path / place / "package"
        (package / "__pycache__").mkdir(parents=True)
        (package / "a.py").write_text("a = 1")
        (package / "__pycache__/a.pyc").write_text(place)
    keys = []
    for place, text in (("here", "a = 1"), ("there", "a = 1"), ("there", "a = 2")):
        (tmp_path / place / "package/a.py").write_text(text)
        stages = with_(chain([]), "sources", code=(tmp_path / place / "package",))
        keys.append(build(tmp_path / "store", stages, only_until="sources")[0].key)
    assert keys[0] == keys[1] != keys[2]


def test_only_until_stops_there_and_a_later_build_goes_on(tmp_path: Path) -> None:
    log: list[str] = []
    assert _ran(tmp_path, chain(log), log, only_until="fit") == ["sources", "fit"]
    assert _ran(tmp_path, chain(log), log) == ["export"]


def test_a_stage_gets_its_needs_and_reports_under_its_name(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    records = build(tmp_path, chain([]), progress=lambda *each: told.append(each))
    assert result(records)["export"]["files"] == {"candidate.txt": "id,age\n1,40\n1 weighs 2.5"}
    assert told[:3] == [("sources: finished", 1, 3), ("fit: fitting", 1, 3), ("fit: fitting", 2, 3)]
    told.clear()
    build(tmp_path, chain([]), progress=lambda *each: told.append(each))
    assert told == [(f"{name}: reused", n, 3) for n, name in enumerate(CHAIN, 1)]


def test_a_stage_cannot_change_the_facts_that_others_read(tmp_path: Path) -> None:
    def greedy(context: StageContext) -> Mapping[str, Any]:
        context.facts["a"]["list"].clear()
        return {}

    seen: list[Any] = []

    def looks(context: StageContext) -> Mapping[str, Any]:
        seen.append(context.facts["a"])
        return {}

    stages = [
        stage("a", lambda context: {"list": [1]}),
        stage("b", greedy, "a"),
        stage("c", looks, "a"),
    ]
    build(tmp_path, stages)
    assert seen == [{"list": [1]}]


def test_a_stage_that_writes_into_its_input_is_refused(tmp_path: Path) -> None:
    def spoil(context: StageContext) -> Mapping[str, Any]:
        (context.inputs["sources"] / "people.csv").write_text("spoilt")
        return {}

    log: list[str] = []
    with pytest.raises(BuildError, match=r"sources changed.*people\.csv has other bytes") as caught:
        build(tmp_path, with_(chain(log), "fit", run=spoil))
    assert caught.value.reason == "stages.input_changed"
    assert _ran(tmp_path, chain(log), log) == CHAIN


@pytest.mark.parametrize(
    ("stages", "reason"),
    [
        ([stage("a/b", _nothing)], "stages.id"),
        ([stage("..", _nothing)], "stages.id"),
        ([stage("a", _nothing), stage("a", _nothing)], "stages.id"),
        ([stage("a", _nothing, "b"), stage("b", _nothing)], "stages.order"),
        ([replace(stage("a", _nothing), data={"db": "version 3"})], "stages.data"),
        ([replace(stage("a", _nothing), code=(Path("absent.py"),))], "stages.code"),
    ],
)
def test_a_chain_that_is_not_one_is_refused(
    tmp_path: Path, stages: list[Stage], reason: str
) -> None:
    with pytest.raises(BuildError) as caught:
        build(tmp_path, stages)
    assert caught.value.reason == reason
    assert list(tmp_path.rglob("stage.json")) == []


def test_an_unknown_last_stage_and_a_store_that_is_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no stage 'verdict'.*sources, fit, export"):
        build(tmp_path, chain([]), only_until="verdict")
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match="cannot be kept"):
        build(tmp_path / "file", chain([]))


def _link(context: StageContext) -> Mapping[str, Any]:
    (context.folder / "link").symlink_to(__file__)
    return {}


def _own_record(context: StageContext) -> Mapping[str, Any]:
    (context.folder / "stage.json").write_text("{}")
    return {}


@pytest.mark.parametrize(
    ("run", "reason"),
    [
        (_link, "stages.not_plain"),
        (_own_record, "stages.reserved_name"),
        (lambda context: {"x": float("nan")}, "record.not_finite"),
        (lambda context: None, "record.schema"),
    ],
)
def test_a_result_that_cannot_be_kept_is_refused(tmp_path: Path, run: Any, reason: str) -> None:
    with pytest.raises((BuildError, RecordError)) as caught:
        build(tmp_path, with_(chain([]), "fit", run=run))
    assert caught.value.reason == reason
    assert caught.value.__notes__ == ["in build stage fit"]
    assert list((tmp_path / "fit").iterdir()) == []


@pytest.mark.parametrize(
    "error",
    [
        MeasureError("the engine failed", reason="engine.failed", remedy="mend it"),
        ValueError("not positive"),
        KeyboardInterrupt(),
    ],
)
def test_what_a_stage_raises_passes_through_and_costs_only_that_stage(
    tmp_path: Path, error: BaseException
) -> None:
    def fails(context: StageContext) -> Mapping[str, Any]:
        (context.folder / "half.csv").write_text("half")
        (context.scratch / "step").write_text("1")
        raise error

    log: list[str] = []
    with pytest.raises(type(error)) as caught:
        build(tmp_path, with_(chain(log), "fit", run=fails))
    assert caught.value is error
    assert error.__notes__ == ["in build stage fit"]
    assert [path.name for path in tmp_path.rglob("half.csv")] == []
    assert [path.parent.suffix for path in tmp_path.rglob("step")] == [".scratch"]
    assert _ran(tmp_path, chain(log), log) == ["fit", "export"]


def test_the_record_of_a_build_fits_its_schema(tmp_path: Path) -> None:
    records = build(tmp_path, chain([]))
    record = stages_record(records)
    write_record(tmp_path / "stages.json", record, "build_stages")
    back = read_record(tmp_path / "stages.json", "build_stages")["stages"]
    again = [StageRecord.from_json(e, r.folder) for e, r in zip(back, records, strict=True)]
    assert again == records
    assert str(tmp_path) not in (tmp_path / "stages.json").read_text()
    with pytest.raises(RecordError, match="unexpected"):
        validate({**record, "extra": 1}, "build_stages")


def test_the_table_tells_what_this_run_spent(tmp_path: Path) -> None:
    records = build(tmp_path, chain([]), only_until="sources")
    figures: dict[str, Any] = {
        "peak_rss_bytes": 2_345_000_000,
        "written_bytes": 1_200_000,
        "cpu_s": 3.25,
    }
    shown = [
        replace(records[0], reused=True, wall_s=100.0),
        replace(records[0], id="fit", corruption="x is missing", wall_s=1234.5, **figures),
    ]
    console = Console(width=120, record=True, file=(tmp_path / "out").open("w"))
    console.print(stage_table(shown))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["│", "sources", "│", "yes"] in [line[:4] for line in lines]
    (fit,) = [line for line in lines if "fit" in line]
    assert fit[-9:] == ["│", "1,234.5", "│", "3.2", "│", "2.35", "│", "1.2", "│"]
    assert "corrupted)" in fit
    (total,) = [line for line in lines if "run" in line]
    assert "1,234.5" in total
