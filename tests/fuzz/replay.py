"""Write one fuzzed input again and check it: `python -m tests.fuzz.replay KIND SEED NUMBER`.

With a number range such as 0-500 every input is checked and only the failures are shown. The
file of a single input stays at the path given by `--out`.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.fuzz.campaign import campaign, problems
from tests.fuzz.cases import KINDS, write_case
from tests.fuzz.client import Client


def main() -> None:
    """Check one input, or a range of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("seed", type=int)
    parser.add_argument("number", help="7, or 0-500")
    parser.add_argument("--out", type=Path, default=None, help="keep the file of one input here")
    given = parser.parse_args()
    first, _, last = given.number.partition("-")
    with tempfile.TemporaryDirectory() as folder, Client(Path(folder)) as client:
        if last:
            _range(client, given.kind, given.seed, range(int(first), int(last)))
        else:
            path = given.out or client.inputs / "replayed.h5"
            _one(client, given.kind, given.seed, int(first), path)


def _range(client: Client, kind: str, seed: int, numbers: range) -> None:
    report = campaign(kind, seed, numbers, client)
    for failure in report.failures:
        print(failure)
    print(f"{report.inputs} inputs, {len(report.failures)} failures, {dict(report.verdicts)}")
    print(f"refused for {dict(report.reasons)}; slowest {report.slowest:.1f} s")
    print(f"workers {client.starts}, hangs {client.hangs}, deaths {client.deaths}")


def _one(client: Client, kind: str, seed: int, number: int, path: Path) -> None:
    case = write_case(kind, seed, number, path)
    answer = client.ask(path.resolve(), case.incumbent)
    print(case.words)
    for key, value in answer.items():
        print(f"{key}: {value}")
    print("problems:", *problems(answer) or ["none"], sep="\n  ")


if __name__ == "__main__":
    main()
