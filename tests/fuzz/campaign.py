"""Runs inputs through a worker and says which answers break the rule: a verdict, nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.fuzz.cases import Case, write_case
from tests.fuzz.client import Answer, Client

VERDICTS = frozenset({"clean", "breached", "refused", "error"})


@dataclass
class Report:
    """How often each verdict was given, and every input that broke the rule, with its replay."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        """Return how many inputs got a verdict or failed to."""
        return sum(self.verdicts.values())


def problems(answer: Answer) -> list[str]:
    """Return what is wrong with an answer; nothing for a verdict that changed nothing.

    A check may say that it could not run only where the file's data cannot be unpacked.
    """
    found: list[str] = []
    if answer["verdict"] not in VERDICTS:
        found.append(f"{answer['verdict']}: {answer.get('message')} {answer.get('at', '')}".strip())
    for name, message in answer.get("errors", {}).items():
        if not message.startswith(f"{name} could not run: DatasetError: "):
            found.append(f"a check broke down: {name}: {message}")
    if answer["changed"]:
        found.append(f"changed on disk: {', '.join(answer['changed'])}")
    if answer.get("acts"):
        found.append(f"did more than read: {'; '.join(answer['acts'])}")
    if "Traceback" in answer["said"] or answer["verdict"] in ("death", "hang"):
        found.append(f"said on standard error: {answer['said']}")
    return found


def campaign(kind: str, seed: int, numbers: Iterable[int], client: Client) -> Report:
    """Check the numbered inputs of a seed; every one is tried, whatever happened before."""
    report = Report()
    for number in numbers:
        path = client.inputs / f"{kind}-{seed}-{number}.h5"
        case = write_case(kind, seed, number, path)
        answer = client.ask(path, case.incumbent)
        path.unlink(missing_ok=True)
        note(report, case, answer)
    return report


def note(report: Report, case: Case, answer: Answer) -> None:
    """Count an answer, and keep what is wrong with it together with its replay."""
    report.verdicts[answer["verdict"]] += 1
    report.slowest = max(report.slowest, answer["seconds"])
    report.reasons.update([answer["reason"]] if "reason" in answer else [])
    for problem in problems(answer):
        report.failures.append(f"{case.again}\n  {case.words[:300]}\n  {problem}")
