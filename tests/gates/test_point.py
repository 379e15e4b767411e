"""`mpgate release`: which run may be the current candidate, and what is kept of it."""

from __future__ import annotations

import json
import multiprocessing
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gates.policy import load_policy
from gates.release import point as pointing
from gates.release.layer_one import seal_layer_one
from gates.release.point import point
from gates.release.point_cli import app, verdict
from gates.release.run import judge_run
from gates.release.verdict import sign_off
from schemas.bundle import BundleError, digest_of
from schemas.canonical import canonical_bytes, sha256_json
from schemas.errors import MpgateError, UsageError
from schemas.pointer import PointerError, next_pointer, pointer_path, read_pointer
from schemas.records import validate
from tests.gates.bundles import INCUMBENT, TODAY, MadeRun, copied

runner = CliRunner()
PRODUCT = "mp-national"
SAID = {"by": "Jane Doe", "reason": "first one"}


@pytest.fixture
def root(judged: Path, tmp_path: Path) -> Path:
    """A root with one judged run, `run`."""
    folder = tmp_path / "runs"
    folder.mkdir()
    copied(judged, folder)
    return folder


@pytest.fixture(scope="module")
def twice(judged: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two verdicts; tests change copies of it only."""
    run = copied(judged, tmp_path_factory.mktemp("twice"))
    judge_run(run, INCUMBENT, load_policy(), exceptions=TODAY)
    return run


@pytest.fixture(scope="module")
def found(judged: Path) -> tuple[str, dict[str, Any]]:
    """What is found in `judged`, looked up once."""
    return pointing._judged(judged)


@pytest.fixture
def quick(found: tuple[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Take every run for `judged` without looking; returns what is said of it, to be changed."""
    said = dict(found[1])
    monkeypatch.setattr(pointing, "_judged", lambda run: (PRODUCT, dict(said)))
    return said


@pytest.fixture
def bare(tmp_path: Path, quick: dict[str, Any]) -> Path:
    """A root with a folder `run` that is taken for `judged`."""
    (tmp_path / "runs" / "run").mkdir(parents=True)
    return tmp_path / "runs"


def release(*args: Any) -> tuple[int, str]:
    done = runner.invoke(app, [*map(str, args)])
    return done.exit_code, done.output


def seal_of(run: Path, number: int = 1) -> dict[str, Any]:
    seal: dict[str, Any] = json.loads((run / "verdict" / str(number) / "seal.json").read_text())
    return seal


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def entries(root: Path) -> list[Mapping[str, Any]]:
    record = read_pointer(root, PRODUCT)
    assert record is not None
    return list(record["entries"])


def test_the_entry_says_what_was_sealed(root: Path) -> None:
    record = point(root, root / "run", by=" Jane Doe ", reason="first one")
    validate(record, "current_candidate")
    assert read_pointer(root, PRODUCT) == record
    (entry,) = record["entries"]
    bundle = json.loads((root / "run" / "bundle.json").read_text())
    results = json.loads((root / "run" / "verdict" / "1" / "gate_results.json").read_text())
    seal = seal_of(root / "run")
    assert {key: value for key, value in entry.items() if key != "pointed_at"} == {
        "number": 1,
        "previous": None,
        "run": "run",
        "run_id": bundle["run_id"],
        "bundle_digest": bundle["digest"],
        "candidate_sha256": bundle["candidate"]["sha256"],
        "verdict_number": 1,
        "verdict_digest": seal["digest"],
        "verdict": results["verdicts"]["default"]["verdict"],
        "stage": "default",
        "demonstration": False,
        "incumbent": {"id": INCUMBENT, "sha256": results["incumbent"]["sha256"]},
        "pointed_by": "Jane Doe",
        "reason": "first one",
    }
    assert entry["verdict"] != "ready"  # may be current: it is judged, not released


def test_the_latest_verdict_is_named(twice: Path, tmp_path: Path) -> None:
    copied(twice, tmp_path / "deep")
    (entry,) = point(tmp_path, tmp_path / "deep" / "run", **SAID)["entries"]
    assert (entry["run"], entry["verdict_number"]) == ("deep/run", 2)
    assert entry["verdict_digest"] == seal_of(twice, 2)["digest"]


def test_history_is_kept(bare: Path, quick: dict[str, Any]) -> None:
    first = point(bare, bare / "run", **SAID)["entries"][0]
    quick["verdict_digest"] = "f" * 64
    second = point(bare, bare / "run", by="B", reason="judged anew")["entries"]
    assert second[0] == first
    assert second[1]["previous"] == sha256_json(first)
    quick["verdict_digest"] = first["verdict_digest"]
    point(bare, bare / "run", by="C", reason="back to the first")
    assert [each["number"] for each in entries(bare)] == [1, 2, 3]


def test_the_same_verdict_is_not_pointed_at_twice_in_a_row(root: Path) -> None:
    point(root, root / "run", **SAID)
    before = pointer_path(root, PRODUCT).read_bytes()
    with pytest.raises(PointerError) as refused:
        point(root, root / "run", **SAID)
    assert refused.value.reason == "pointer.same"
    assert pointer_path(root, PRODUCT).read_bytes() == before
    sign_off(root / "run", "Jane Doe")  # gives the verdict's seal another digest
    point(root, root / "run", by="A", reason="signed off now")
    assert len(entries(root)) == 2


def spoil(run: Path, kind: str) -> None:
    target = {
        "record": run / "records" / "loss.json",
        "candidate": run / "candidate.h5",
        "results": run / "verdict" / "1" / "gate_results.json",
        "seal": run / "verdict" / "1" / "seal.json",
    }
    if kind == "added":
        (run / "records" / "extra.json").write_text("{}")
    elif kind == "missing":
        (run / "records" / "runtime.json").unlink()
    else:
        target[kind].chmod(0o644)
        target[kind].write_bytes(target[kind].read_bytes() + b"\n")


@pytest.mark.parametrize("kind", ["record", "candidate", "results", "seal", "added", "missing"])
def test_what_is_not_as_it_was_sealed_is_refused(root: Path, kind: str) -> None:
    spoil(root / "run", kind)
    with pytest.raises(PointerError, match="not intact and complete") as refused:
        point(root, root / "run", **SAID)
    assert "mpgate bundle verify run" in refused.value.remedy
    assert not pointer_path(root, PRODUCT).exists()


def test_a_changed_run_leaves_with_exit_code_one(root: Path) -> None:
    spoil(root / "run", "added")
    assert release("point", root / "run", "--by", "A", "--reason", "B")[0] == 1


def test_an_incomplete_bundle_is_refused(unsealed: MadeRun, tmp_path: Path) -> None:
    run = unsealed.copy(tmp_path)
    (run / "calibration" / "curves.csv").unlink()
    seal_layer_one(run)
    with pytest.raises(PointerError, match=r"missing: calibration/\*curves\*"):
        point(tmp_path, run, **SAID)


def test_without_seal_or_verdict_it_is_refused(
    unsealed: MadeRun, sealed: Path, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="nothing was sealed"):
        point(tmp_path, unsealed.copy(tmp_path / "a"), **SAID)
    with pytest.raises(PointerError, match="no sealed verdict"):
        point(tmp_path, copied(sealed, tmp_path / "b"), **SAID)
    with pytest.raises(BundleError, match="no run folder"):
        point(tmp_path, tmp_path / "absent", **SAID)


def test_a_run_outside_the_root_is_refused_links_included(root: Path, tmp_path: Path) -> None:
    inside = tmp_path / "other"
    inside.mkdir()
    (inside / "link").symlink_to(root / "run")
    for run in (root / "run", inside / "link", inside, inside / ".." / "runs" / "run"):
        with pytest.raises(PointerError) as refused:
            point(inside, run, **SAID)
        assert refused.value.reason == "pointer.outside"
    for name in (".hidden", "current"):
        shutil.copytree(root / "run", root / name)
        with pytest.raises(PointerError, match="no run folder below"):
            point(root, root / name, **SAID)


@pytest.mark.parametrize("bad", ["", " ", "a\nb", "\x1b[31m", "\u202egnp", "a" * 501, "\ud800"])
def test_name_and_reason_are_one_line_of_text(bare: Path, bad: str) -> None:
    for said in ({**SAID, "by": bad}, {**SAID, "reason": bad}):
        with pytest.raises(UsageError):
            point(bare, bare / "run", **said)
    assert not pointer_path(bare, PRODUCT).exists()


def test_an_edited_pointer_is_never_continued(bare: Path) -> None:
    point(bare, bare / "run", **SAID)
    path = pointer_path(bare, PRODUCT)
    record = json.loads(path.read_text())
    record["entries"][0]["reason"] = "another"
    path.write_bytes(canonical_bytes(record))
    edited = path.read_bytes()
    with pytest.raises(PointerError) as refused:
        point(bare, bare / "run", **SAID)
    assert refused.value.reason == "pointer.edited"
    assert path.read_bytes() == edited
    assert release("current", "--root", bare)[0] == 1


def test_a_local_product_moves_its_own_pointer_only(
    bare: Path, quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    point(bare, bare / "run", **SAID)
    national = pointer_path(bare, PRODUCT).read_bytes()
    monkeypatch.setattr(pointing, "_judged", lambda run: ("mp-local-fast", dict(quick)))
    point(bare, bare / "run", **SAID)
    assert pointer_path(bare, "mp-local-fast").is_file()
    assert pointer_path(bare, PRODUCT).read_bytes() == national


def test_a_local_run_is_never_taken_for_a_national_one(root: Path) -> None:
    bundle = root / "run" / "bundle.json"
    bundle.chmod(0o644)
    record = {**json.loads(bundle.read_text()), "product": "mp-local-fast"}
    bundle.write_bytes(canonical_bytes({**record, "digest": digest_of(record)}))
    with pytest.raises(BundleError, match="nothing says what a bundle of mp-local-fast"):
        point(root, root / "run", **SAID)
    layer = {"layer_one": {"product": "mp-local-fast"}}
    with pytest.raises(PointerError) as refused:  # sealed as local, judged by national rules
        pointing._product(root / "run", layer, {"product": PRODUCT})
    assert refused.value.reason == "pointer.product"


def _slowly(*args: Any) -> dict[str, Any]:
    time.sleep(0.02)
    return next_pointer(*args)


def _worker(root: Path, number: int, found: dict[str, Any]) -> None:
    pointing._judged = lambda run: (PRODUCT, {**found, "verdict_digest": f"{number:064x}"})
    pointing.next_pointer = _slowly  # so that writers that do not wait meet
    assert read_pointer(root, PRODUCT)  # a reader does not wait, and never sees half a record
    point(root, root / "run", by=f"writer {number}", reason="at the same time")


def test_writers_at_the_same_time_lose_nothing(bare: Path, quick: dict[str, Any]) -> None:
    point(bare, bare / "run", **SAID)
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_worker, args=(bare, each, quick)) for each in range(12)]
    for each in writers:
        each.start()
    for each in writers:
        each.join(30)
    assert [each.exitcode for each in writers] == [0] * 12
    assert {each["pointed_by"] for each in entries(bare)[1:]} == {f"writer {n}" for n in range(12)}


def test_a_write_that_fails_leaves_the_pointer_as_it_was(
    bare: Path, quick: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    point(bare, bare / "run", **SAID)
    before = pointer_path(bare, PRODUCT).read_bytes()
    quick["verdict_digest"] = "f" * 64

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(MpgateError, match="No space left"):
        point(bare, bare / "run", **SAID)
    assert pointer_path(bare, PRODUCT).read_bytes() == before
    assert names(bare / "current") == [".mp-national.lock", "mp-national.json"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_place_that_is_no_folder_is_refused(bare: Path, tmp_path: Path, kind: str) -> None:
    place = bare / "current"
    if kind == "file":
        place.touch()
    else:
        place.symlink_to(tmp_path)
    with pytest.raises(PointerError) as refused:
        point(bare, bare / "run", **SAID)
    assert refused.value.reason == "pointer.unwritable"
    assert names(tmp_path) == ["runs"]


def test_the_commands(bare: Path, quick: dict[str, Any]) -> None:
    code, said = release("current", "--root", bare)
    assert (code, "mpgate release point" in said) == (3, True)
    code, said = release("point", bare / "run", "--by", "Jane Doe", "--reason", "[red]x[/red] <b>")
    assert (code, said.strip()) == (
        0,
        f"mp-national: run is current, verdict 1, default: {quick['verdict']}",
    )
    code, said = release("point", bare / "run", "--by", "A", "--reason", "B", "--json")
    assert (code, json.loads(said)["reason"]) == (3, "pointer.same")
    (bare / "again").mkdir()
    quick["verdict_digest"] = "f" * 64
    again = ("point", bare / "again", "--by", "A", "--reason", "better", "--root", bare, "--json")
    code, said = release(*again)
    assert (code, len(json.loads(said)["entries"])) == (0, 2)
    code, said = release("current", "--root", bare)
    assert code == 0
    assert "[red]x[/red] <b>" in said  # shown as it is
    assert said.index("better") < said.index("[red]x")
    assert said.strip().endswith("current  again (mp-national)")
    code, said = release("current", "--root", bare, "--json")
    assert (code, json.loads(said)) == (0, read_pointer(bare, PRODUCT))
    code, said = release("current", "--root", bare, "--product", "ecps")
    assert (code, "mp-local-rich" in said) == (3, True)


def test_a_demonstration_is_never_called_ready() -> None:
    entry = {"verdict": "ready", "verdict_number": 1, "stage": "beta", "demonstration": True}
    assert verdict(entry) == "verdict 1, beta: would be ready (demonstration)"
    assert verdict({**entry, "demonstration": False}) == "verdict 1, beta: ready"
