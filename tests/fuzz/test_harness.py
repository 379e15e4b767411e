"""The harness itself: a hang, a death, a breakdown and a stray write are each seen for what it is.

Most use a worker with a stub in place of the checks: it starts fast.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.bases import bases
from tests.fuzz.campaign import campaign, problems
from tests.fuzz.cases import write_case
from tests.fuzz.client import ROOT, Answer, Client
from tests.fuzz.datasets import batch

STUB = """
import os, pathlib, signal, sys, tempfile, time
from tests.fuzz.worker import serve
def check(path, incumbent):
    word = path.stem
    if word == "hang": time.sleep(60)
    if word == "die": os.kill(os.getpid(), signal.SIGSEGV)
    if word == "leave": sys.exit(3)
    if word == "raise": raise ValueError("not foreseen")
    if word == "print": print("noise")
    if word == "complain": sys.stderr.write("Traceback (most recent call last)\\n")
    if word == "cwd": pathlib.Path("left.txt").write_text("x")
    if word == "temporary": tempfile.mkdtemp()
    if word == "elsewhere": pathlib.Path(os.environ["ELSEWHERE"]).write_text("x")
    if word == "input": path.write_bytes(b"other")
    if word == "process": os.system("true")
    return {"verdict": "clean", "incumbent": incumbent}
serve(check)
"""
# A real worker in which one check was broken.
BROKEN_CHECK = """
from dataclasses import replace
from gates import measuring
from gates.contract.checks import CHECKS
from gates.contract.run import contract_findings
from tests.fuzz import worker
def broken(file): raise ValueError("a check that broke down")
checks = [replace(CHECKS[0], run=broken), *CHECKS[1:]]
measuring.contract_findings = lambda *given, incumbent=None: contract_findings(
    *given, checks=checks, incumbent=incumbent
)
worker.main()
"""
BROKEN_JUDGE = """
from gates import judges
from tests.fuzz import worker
def broken(inputs, gate): raise KeyError("a judge that broke down")
judges.JUDGES["contract"] = broken
worker.main()
"""


def stub(folder: Path, limit: float = 10.0) -> Client:
    return Client(folder / "client", (sys.executable, "-c", STUB), limit)


def asked(client: Client, word: str) -> Answer:
    path = client.inputs / f"{word}.h5"
    path.write_bytes(b"input")
    answer = client.ask(path)
    path.unlink()
    return answer


def test_a_hang_ends_after_the_limit_and_the_next_file_gets_its_verdict(tmp_path: Path) -> None:
    with stub(tmp_path, limit=1.0) as client:
        assert asked(client, "good")["verdict"] == "clean"
        hung = asked(client, "hang")
        assert hung["verdict"] == "hang"
        assert hung["seconds"] < 5
        assert problems(hung)
        assert problems(asked(client, "good")) == []
    assert (client.starts, client.hangs, client.deaths) == (2, 1, 0)


@pytest.mark.parametrize(("word", "code"), [("die", "-11"), ("leave", "3")])
def test_a_death_is_a_failure_and_the_next_file_gets_its_verdict(
    tmp_path: Path, word: str, code: str
) -> None:
    with stub(tmp_path) as client:
        died = asked(client, word)
        assert (died["verdict"], died["message"]) == ("death", f"exit code {code}")
        assert problems(died)
        assert problems(asked(client, "good")) == []
    assert (client.starts, client.hangs, client.deaths) == (2, 0, 1)


def test_an_exception_or_a_complaint_is_a_failure(tmp_path: Path) -> None:
    with stub(tmp_path) as client:
        raised = asked(client, "raise")
        assert raised["verdict"] == "traceback"
        assert "ValueError: not foreseen" in problems(raised)[0]
        assert "standard error" in problems(asked(client, "complain"))[0]
        assert problems(asked(client, "print")) == []
    assert client.starts == 1


@pytest.mark.parametrize("word", ["cwd", "temporary", "elsewhere", "input", "process"])
def test_whatever_is_done_beyond_reading_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    code = f"import os; os.environ['ELSEWHERE'] = {str(tmp_path / 'elsewhere.txt')!r}\n{STUB}"
    with Client(tmp_path / "client", (sys.executable, "-c", code)) as client:
        found = asked(client, word)
        assert found["verdict"] == "clean"
        assert problems(found), found
        seen_on_disk = {"cwd": "left.txt", "temporary": "watched/tmp", "input": "sha256"}
        assert seen_on_disk.get(word, "") in ", ".join(found["changed"])
        assert bool(found["changed"]) == (word in seen_on_disk)
        assert found["acts"]
        assert problems(asked(client, "good")) == []


def test_a_write_that_python_does_not_see_is_seen_on_disk(tmp_path: Path) -> None:
    code = STUB.replace('if word == "cwd"', 'if word == "h5": __import__("h5py").File("f.h5", "w")')
    code = code.replace(': pathlib.Path("left.txt").write_text("x")', "")
    with Client(tmp_path / "client", (sys.executable, "-c", code)) as client:
        found = asked(client, "h5")
        assert "watched/run/f.h5" in found["changed"]
        assert "watched/run/f.h5" in problems({**found, "acts": []})[0]


@pytest.mark.parametrize(
    ("code", "words"), [(BROKEN_CHECK, "could not run: ValueError"), (BROKEN_JUDGE, "KeyError")]
)
def test_a_check_or_judge_that_breaks_down_is_a_failure(
    tmp_path: Path, code: str, words: str
) -> None:
    with Client(tmp_path / "client", (sys.executable, "-c", code)) as client:
        path = client.inputs / "good.h5"
        path.write_bytes(bases()["small-arrays"])
        answer = client.ask(path)
        assert answer["verdict"] == "error"
        assert words in problems(answer)[0]


def test_a_failure_is_reported_with_the_command_that_repeats_it(tmp_path: Path) -> None:
    code = STUB.replace('if word == "die"', 'if word.endswith("-5-2")')
    with Client(tmp_path / "client", (sys.executable, "-c", code)) as client:
        report = campaign("bytes", 5, range(4), client)
    assert report.inputs == 4
    assert report.verdicts == {"clean": 3, "death": 1}
    assert len({each.splitlines()[0] for each in report.failures}) == 1
    assert report.failures[0].startswith("python -m tests.fuzz.replay bytes 5 2\n")


def test_an_input_is_the_same_in_every_process(tmp_path: Path) -> None:
    """62 is a file of pandas that carries a time; a draw must not depend on what is imported."""
    code = (
        "import sys; from pathlib import Path; from tests.fuzz.cases import write_case\n"
        "for kind, n in (('bytes', 3), ('bytes', 62), ('dataset', 7)):\n"
        "    write_case(kind, 9, n, Path(sys.argv[1]) / f'{kind}-{n}.h5')\n"
        "from tests.fuzz.datasets import batch; print(batch(9, 1))"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(batch(9, 1))
    for kind, number in (("bytes", 3), ("bytes", 62), ("dataset", 7)):
        case = write_case(kind, 9, number, tmp_path / "again.h5")
        again = (tmp_path / "again.h5").read_bytes()
        assert again == (tmp_path / f"{kind}-{number}.h5").read_bytes(), case.words
