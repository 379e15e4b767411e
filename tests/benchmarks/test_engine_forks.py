"""Forked children: order, how many at once, every way one can end, and the memory they hold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from benchmarks.engine.forks import Forks
from benchmarks.engine.memory import MemoryWatch, family_gb

pytestmark = pytest.mark.alone

PREAMBLE = """
import os, signal, sys, time
from functools import partial
from pathlib import Path
from benchmarks.engine.forks import Forks
"""
PROJECT = Path(__file__).parents[2]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def note(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text + "\n")


def lived(log: Path, name: str, seconds: float) -> None:
    note(log, f"{time.monotonic()} {name} 1")
    time.sleep(seconds)
    note(log, f"{time.monotonic()} {name} -1")


def events(log: Path) -> list[tuple[str, int]]:
    lines = sorted(line.split() for line in log.read_text().splitlines())
    return [(name, int(change)) for _, name, change in lines]


@pytest.mark.parametrize(("at_once", "highest"), [(0, 1), (1, 1), (2, 2), (9, 4)])
def test_no_more_children_than_allowed_run_at_once(log: Path, at_once: int, highest: int) -> None:
    Forks().run([partial(lived, log, name, 0.25) for name in "abcd"], at_once)
    running = [sum(change for _, change in events(log)[: i + 1]) for i in range(8)]
    assert max(running) == highest
    started = [name for name, change in events(log) if change == 1]
    assert sorted(started) == list("abcd")
    if highest == 1:
        assert started == list("abcd")


def test_a_child_started_before_counts_and_is_waited_for(log: Path) -> None:
    forks = Forks()
    forks.start(partial(lived, log, "lane", 0.6))
    time.sleep(0.2)
    forks.run([partial(lived, log, name, 0.1) for name in "ab"], 2)
    assert events(log)[0] == ("lane", 1)
    assert events(log)[-1] == ("lane", -1)
    assert [name for name, change in events(log) if change == 1] == ["lane", "a", "b"]


def test_a_child_changes_nothing_here() -> None:
    held = [1]
    Forks().run([lambda: held.append(2)], 1)
    assert held == [1]


def ended(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script that forks in a process of its own, and return how it ended."""
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + script, *arguments],
        capture_output=True,
        text=True,
        cwd=PROJECT,
        timeout=30,
        check=False,
    )


WORKS = {
    "fails": ("raise ValueError('no adult')", 1),
    "refuses": ("sys.exit(3)", 3),
    "exits with words": ("sys.exit('no such thing')", 1),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "is stopped": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
}


@pytest.mark.parametrize("how", WORKS)
def test_a_child_that_does_not_finish_ends_all(how: str, log: Path) -> None:
    work, code = WORKS[how]
    script = f"""
def ends():
    time.sleep(0.2)
    {work}

def goes_on():
    time.sleep(2)
    Path(sys.argv[1]).write_text("went on")

try:
    Forks().run([goes_on, ends, goes_on], 2)
finally:
    Path(sys.argv[1]).write_text("returned")
"""
    started = time.monotonic()
    done = ended(script, str(log))
    assert done.returncode == code
    assert time.monotonic() - started < 2
    assert not log.exists()
    if how == "fails":
        assert "ValueError: no adult" in done.stderr


def test_a_failure_ends_even_children_that_do_not_look_for_their_parent(log: Path) -> None:
    script = """
import benchmarks.engine.forks
benchmarks.engine.forks.end_with_parent = lambda: None

def goes_on():
    time.sleep(1)
    Path(sys.argv[1]).write_text("went on")

Forks().run([goes_on, partial(sys.exit, 3)], 2)
"""
    assert ended(script, str(log)).returncode == 3
    time.sleep(1.2)
    assert not log.exists()


def test_a_child_leaves_what_its_parent_registered_for_its_own_end() -> None:
    script = """
import atexit
atexit.register(print, "bye")
print("hello")
Forks().run([lambda: None], 1)
"""
    assert ended(script).stdout == "hello\nbye\n"


GENERATIONS = """
def sleeps():
    Path(sys.argv[1]).open("a").write(f"{os.getpid()}\\n")
    time.sleep(30)

def child():
    Path(sys.argv[1]).open("a").write(f"{os.getpid()}\\n")
    Forks().run([sleeps, sleeps], 2)

Forks().run([child], 1)
"""


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()


def test_a_killed_parent_leaves_nothing_running(log: Path) -> None:
    log.touch()
    parent = subprocess.Popen([sys.executable, "-c", PREAMBLE + GENERATIONS, str(log)], cwd=PROJECT)
    try:
        assert within(20, lambda: len(log.read_text().split()) == 3)
        family = [int(pid) for pid in log.read_text().split()]
        assert all(map(alive, family))
    finally:
        parent.kill()
        parent.wait()
    assert within(5, lambda: not any(map(alive, family)))


@contextmanager
def hoarding(megabytes: int) -> Iterator[int]:
    """Yield the id of a child that holds as much memory of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        hoard = bytearray(b"x" * (megabytes * 1_000_000))
        os.write(writer, b"!")
        time.sleep(30)
        os._exit(len(hoard) > 0)
    try:
        os.read(reader, 1)
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        os.close(writer)


def test_the_memory_of_a_child_counts_and_shared_pages_count_once() -> None:
    shared = bytearray(b"x" * 200_000_000)
    before = family_gb()
    with hoarding(300) as pid:
        with_child = family_gb()
        assert 0.28 < with_child - before < 0.4
        assert 0.3 < family_gb(pid) < before + 0.3
    assert family_gb() == pytest.approx(before, abs=0.05)
    assert len(shared) == 200_000_000
    assert family_gb(2**22 + 1) == 0  # no such process


def test_the_watch_acts_on_what_children_hold() -> None:
    told: list[float] = []
    watch = MemoryWatch(family_gb() + 0.6, told.append)
    unbothered = MemoryWatch(10_000.0, told.append)
    time.sleep(0.7)
    assert told == []
    with hoarding(900):
        assert within(5, lambda: bool(told))
        assert within(5, lambda: unbothered.peak_gb >= told[0] - 0.1)
    assert told == [pytest.approx(watch.peak_gb, abs=0.1)]
