"""Fuzzing the file checks: always a verdict, never a traceback, a hang or a write.

200 inputs in the default run, 2,000 more in the nightly one, each from (kind, seed, number).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fuzz.bases import bases
from tests.fuzz.campaign import Report, campaign, problems
from tests.fuzz.client import Client

DEFAULT = {"bytes": 140, "dataset": 70}
NIGHTLY = {"bytes": 1600, "dataset": 500}
SEED, NIGHTLY_SEED = 1, 2


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with Client(tmp_path_factory.mktemp("fuzz") / "client") as warm:
        yield warm


def told(report: Report, client: Client) -> str:
    """Return the figures of a run, and every failure with the command that repeats it."""
    figures = (
        f"{report.inputs} inputs: {dict(report.verdicts)}, refused for {dict(report.reasons)}, "
        f"slowest {report.slowest:.1f} s, {client.hangs} hangs, {client.deaths} deaths"
    )
    return "\n".join([figures, *report.failures])


def test_the_good_files_that_are_spoiled_are_clean(client: Client) -> None:
    verdicts = {}
    for name, content in bases().items():
        path = client.inputs / f"{name}.h5"
        path.write_bytes(content)
        answer = client.ask(path)
        path.unlink()
        assert problems(answer) == []
        verdicts[name] = answer["verdict"]
    assert verdicts.pop("fixed-tables") == "refused"  # no layout the loader reads
    assert set(verdicts.values()) == {"clean"}, verdicts


@pytest.mark.parametrize("kind", DEFAULT)
def test_every_input_gets_a_verdict(client: Client, kind: str) -> None:
    report = campaign(kind, SEED, range(DEFAULT[kind]), client)
    print(told(report, client))
    assert report.failures == [], told(report, client)
    assert report.inputs == DEFAULT[kind]
    assert {"breached", "refused"} <= set(report.verdicts)  # the inputs reach beyond the preflight


@pytest.mark.nightly
@pytest.mark.parametrize("kind", NIGHTLY)
def test_every_input_of_the_night_gets_a_verdict(client: Client, kind: str) -> None:
    report = campaign(kind, NIGHTLY_SEED, range(NIGHTLY[kind]), client)
    print(told(report, client))
    assert report.failures == [], told(report, client)
    assert report.inputs == NIGHTLY[kind]


def test_there_are_as_many_inputs_as_required() -> None:
    assert sum(DEFAULT.values()) >= 200
    assert sum(NIGHTLY.values()) >= 2000
