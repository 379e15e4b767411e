"""The disk guardrail, a disk that fills up, and the figures of a stage."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from builder.stages.disk import is_disk_full, size_text
from builder.stages.profile import Profile
from builder.stages.stage import StageContext
from schemas.canonical import atomic_write
from schemas.errors import BuildError, RecordError
from tests.builder.stages_chain import build, chain, result, stage, with_

FREE = 5_000_000_000


@pytest.fixture
def five_gb_free(monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SimpleNamespace(free=FREE)
    monkeypatch.setattr("builder.stages.disk.shutil.disk_usage", lambda path: disk)


@pytest.mark.usefixtures("five_gb_free")
def test_a_stage_that_cannot_fit_is_not_started(tmp_path: Path) -> None:
    log: list[str] = []
    stages = with_(chain(log), "fit", disk_bytes=4_800_000_000)
    with pytest.raises(BuildError) as caught:
        build(tmp_path, stages, disk_margin_bytes=300_000_000)
    assert caught.value.reason == "stages.disk"
    assert "stage fit is not started" in caught.value.message
    assert "needs 4.80 GB" in caught.value.message
    assert "margin of 300.00 MB" in caught.value.message
    assert "5.00 GB are free" in caught.value.message
    assert "free 100.00 MB more" in caught.value.remedy
    assert log == ["sources"]
    assert not (tmp_path / "fit").exists()


@pytest.mark.usefixtures("five_gb_free")
@pytest.mark.parametrize(("spare", "starts"), [(1, True), (0, False)])
def test_the_free_space_must_exceed_need_and_margin(
    tmp_path: Path, spare: int, starts: bool
) -> None:
    log: list[str] = []
    stages = with_(chain(log), "sources", disk_bytes=FREE - 100 - spare)
    if starts:
        build(tmp_path, stages, disk_margin_bytes=100)
    else:
        with pytest.raises(BuildError, match="not started"):
            build(tmp_path, stages, disk_margin_bytes=100)
    assert bool(log) == starts


def test_the_need_may_follow_from_earlier_stages(tmp_path: Path) -> None:
    def need(context: StageContext) -> int:
        sizes = [path.stat().st_size for path in context.inputs["sources"].glob("*.csv")]
        return 10 * sum(sizes) + int(context.facts["sources"]["people"])

    records = build(tmp_path, with_(chain([]), "fit", disk_bytes=need))
    assert [record.predicted_bytes for record in records] == [0, 121, 0]


def _no_space(context: StageContext) -> Mapping[str, Any]:
    raise OSError(errno.ENOSPC, "told in another language")


def _quota(context: StageContext) -> Mapping[str, Any]:
    raise OSError(errno.EDQUOT, "told in another language")


def _device(context: StageContext) -> Mapping[str, Any]:
    with Path("/dev/full").open("w") as stream:
        stream.write("x")
    return {}


def _typed(context: StageContext) -> Mapping[str, Any]:
    try:
        _no_space(context)
    except OSError as error:
        raise RecordError("not written", reason="record.unwritable", remedy="x") from error
    return {}


def _library(context: StageContext) -> Mapping[str, Any]:
    raise RuntimeError("can't write (errno = 28, error message = 'No space left on device')")


@pytest.mark.parametrize("fills", [_no_space, _quota, _device, _typed, _library])
def test_a_disk_that_fills_up_costs_only_that_stage(
    tmp_path: Path, fills: Callable[[StageContext], Mapping[str, Any]]
) -> None:
    def run(context: StageContext) -> Mapping[str, Any]:
        (context.folder / "half.csv").write_bytes(bytes(2_000_000))
        return fills(context)

    log: list[str] = []
    with pytest.raises(BuildError) as caught:
        build(tmp_path, with_(chain(log), "fit", run=run, disk_bytes=1_500_000))
    assert caught.value.reason == "stages.disk_full"
    assert "in stage fit: it had written 2.00 MB of 1.50 MB predicted" in caught.value.message
    assert caught.value.__cause__ is not None
    assert list(tmp_path.rglob("half.csv")) == []
    whole = build(tmp_path / "elsewhere", chain([]))
    log.clear()
    assert result(build(tmp_path, chain(log))) == result(whole)
    assert "sources" not in log


@pytest.mark.parametrize("where", ["stage.json", "fsync", "rename"])
def test_a_disk_that_fills_up_while_the_checkpoint_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def full(*given: Any, **named: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fit(context: StageContext) -> Mapping[str, Any]:
        patches = {
            "stage.json": ("schemas.canonical.tempfile.mkstemp", full),
            "fsync": ("builder.stages.checkpoint.os.fsync", full),
            "rename": ("pathlib.Path.rename", full),
        }
        monkeypatch.setattr(*patches[where])
        return {}

    with pytest.raises(BuildError) as caught:
        build(tmp_path, with_(chain([]), "fit", run=fit))
    assert caught.value.reason == "stages.disk_full"
    assert list((tmp_path / "fit").iterdir()) == []
    monkeypatch.undo()
    log: list[str] = []
    build(tmp_path, chain(log))
    assert [name for name in log if not name.startswith("step")] == ["fit", "export"]


@pytest.mark.parametrize(
    "error", [OSError(errno.EACCES, "denied"), ValueError("no space in the name")]
)
def test_other_errors_are_not_called_a_full_disk(error: Exception) -> None:
    assert not is_disk_full(error, FREE)
    handled = ValueError("another problem, after a full disk was dealt with")
    handled.__context__, handled.__suppress_context__ = OSError(errno.ENOSPC, "full"), True
    assert not is_disk_full(handled, FREE)
    handled.__suppress_context__ = False
    assert is_disk_full(handled, FREE)


def test_a_failure_that_gives_no_reason_is_of_a_disk_without_a_block_left() -> None:
    silent = RuntimeError("Problems creating the Array.")
    assert is_disk_full(silent, 4095)
    assert not is_disk_full(silent, 4096)
    assert not is_disk_full(KeyboardInterrupt(), 0)


def test_scratch_goes_when_the_disk_is_full_or_there_would_be_no_room_to_go_on(
    tmp_path: Path,
) -> None:
    def run(context: StageContext) -> Mapping[str, Any]:
        (context.scratch / "large").write_bytes(bytes(3_000_000))
        return _no_space(context)

    with pytest.raises(BuildError, match=r"had written 3\.00 MB"):
        build(tmp_path, with_(chain([]), "fit", run=run))
    assert list((tmp_path / "fit").iterdir()) == []


def test_a_disk_without_room_for_a_message_in_a_lock_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("builder.stages.locks.os.pwrite", full)
    assert len(build(tmp_path, chain([]))) == 3


def test_sizes_are_told_in_gb_and_below_one_in_mb() -> None:
    assert (size_text(12_345), size_text(7_000_000_000)) == ("0.01 MB", "7.00 GB")


def test_the_figures_of_a_stage(tmp_path: Path) -> None:
    def run(context: StageContext) -> Mapping[str, Any]:
        atomic_write(context.folder / "out.bin", bytes(3_000))
        (context.folder / "inner").mkdir()
        atomic_write(context.folder / "inner/more.bin", bytes(500))
        (context.scratch / "large").write_bytes(bytes(70_000))
        time.sleep(0.8)
        (context.scratch / "large").unlink()
        return {}

    (record,) = build(tmp_path, [stage("a", run)])
    assert record.written_bytes == 3_500
    assert record.scratch_bytes == 70_000
    assert 0.8 <= record.wall_s < 10
    assert 1e7 < record.peak_rss_bytes < 1e11
    assert not (tmp_path / "a" / f"{record.key}.scratch").exists()


def test_cpu_counts_this_process_and_its_children(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.4: pass"
    with Profile(tmp_path) as child:
        subprocess.run([sys.executable, "-c", burn], check=True)
    with Profile(tmp_path) as own:
        started = time.process_time()
        while time.process_time() < started + 0.3:
            pass
    with Profile(tmp_path) as idle:
        time.sleep(0.3)
    assert child.cpu_s >= 0.4
    assert own.cpu_s >= 0.3
    assert idle.cpu_s < 0.2 < idle.wall_s


_HOLDS = "import time\nheld = bytearray(400_000_000)\ntime.sleep(60)"


def test_peak_memory_counts_children_and_is_the_stages_own(tmp_path: Path) -> None:
    with Profile(tmp_path) as before:
        pass
    wanted = before.peak_rss_bytes + 150_000_000
    with Profile(tmp_path) as family, subprocess.Popen([sys.executable, "-c", _HOLDS]) as child:
        given_up = time.monotonic() + 30
        while family.peak_rss_bytes < wanted and time.monotonic() < given_up:
            time.sleep(0.05)
        child.kill()
    with Profile(tmp_path) as after:
        pass
    assert family.peak_rss_bytes > wanted
    assert after.peak_rss_bytes < family.peak_rss_bytes - 150_000_000


def test_a_peak_between_two_looks_is_known_and_not_laid_on_the_next_stage(tmp_path: Path) -> None:
    """Run apart: only where a process reaches its highest so far is its short peak known."""
    code = (
        "import sys; from pathlib import Path\n"
        "from builder.stages import profile\n"
        "profile._INTERVAL_S = 60\n"
        "with profile.Profile(Path(sys.argv[1])) as first: bytearray(300_000_000)\n"
        "with profile.Profile(Path(sys.argv[1])) as second: pass\n"
        "print(first.peak_rss_bytes, second.peak_rss_bytes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = map(int, done.stdout.split())
    assert second < 300_000_000 < first


def test_the_guardrail_reads_the_file_system_of_the_store(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(BuildError, match="not started"):
        build(tmp_path, with_(chain([]), "sources", disk_bytes=2 * free))


def test_a_store_without_room_for_a_lock_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("builder.stages.locks.os.open", full)
        with pytest.raises(BuildError, match=r"cannot be kept in .*No space left") as caught:
            build(tmp_path, chain([]))
    assert caught.value.reason == "stages.store"
