"""What the pull-request check says: its state, its summary and its annotations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.registry import load_baseline
from gates.judging import stage_verdict
from gates.policy import load_policy
from gates.results import headline
from schemas.canonical import sha256_file
from schemas.errors import MpgateError, RecordError
from schemas.records import read_record

FAIL, REPORT_ONLY = DEMONSTRATIONS = ("fail", "report-only")
MOST_SUMMARY = 1024 * 1024  # GitHub refuses a longer step summary as a whole
MOST_ANNOTATIONS = 10
TITLE = "Release gate"
_ROOM = 4096  # for the line that the last step adds, and for what says that something was cut
_NAMED = 5
_NOT_OF_A_FILE = frozenset({"artifacts", "release"})  # a file alone has no bundle, nor a release
_CHOICE = "; where none is in question, choose report-only (docs/decisions/0013)"
_ANNOTATION = re.compile(r"::(error|warning|notice)( [^:\x00-\x1f\x7f]*)?::[^\x00-\x1f\x7f]+")
_CUT = "\n\nThe summary is cut here: GitHub takes 1 MiB. The dashboard is among the artifacts."


@dataclass(frozen=True)
class State:
    """Whether the check passes, and why, in one line; `decided`: whether it decides a release."""

    passes: bool
    reason: str
    decided: bool = True

    def command(self) -> str:
        """Return the state as a workflow command: an annotation of the check."""
        kind = "notice" if self.passes else "error"
        return f"::{kind} title={TITLE}::{_data(f'{self.word()}: {self.reason}')}"

    def markdown(self) -> str:
        """Return the state as a paragraph; what it says is shown, never rendered."""
        return f"\n**{TITLE}: {self.word()}**\n\n{_literal(self.reason)}\n"

    def word(self) -> str:
        """Return the state in words."""
        if not self.passes:
            return "not passed"
        return "ready" if self.decided else "demonstration only, no release decision"


def state(
    results: Path, candidate: str, *, incumbent: str, stage: str, demonstration: str
) -> State:
    """Decide the state of the check from the results of judging `candidate`.

    Results of another file, incumbent, stage or policy never pass, nor do results that contradict
    themselves. Whoever can change this code can change the results as well: that needs a reviewer.
    """
    try:
        record = read_record(results, "gate_results")
    except RecordError as error:
        return State(False, f"there are no gate results: {error.message}")
    if record["status"] != "judged":
        return State(False, f"the file could not be judged: {_failure(record)}")
    if not Path(candidate).is_file() or sha256_file(candidate) != record["candidate"]["sha256"]:
        return State(False, "the results are of another file than the candidate")
    if wrong := _of_another(record, incumbent, stage) or _contradiction(record):
        return State(False, wrong)
    return _of(record, demonstration)


def _of_another(record: Mapping[str, Any], incumbent: str, stage: str) -> str:
    """Return what else than asked for was judged, in words; empty where it was that."""
    against = record["incumbent"]["id"]
    if record["stage"] != stage:
        return f"it was judged for the stage {record['stage']}, not for {stage}"
    return f"it was judged against {against}, not {incumbent}" if against != incumbent else ""


def _contradiction(record: Mapping[str, Any]) -> str:
    """Return where results are not what policy and incumbent give, in words; empty if nowhere."""
    stage, left_out = record["stage"], record["deselected"]
    try:
        policy, baseline = load_policy(), load_baseline(record["incumbent"]["id"])
    except MpgateError as error:
        return error.message
    found = [(each["id"], each["stages"][stage]["blocking"]) for each in record["gates"]]
    wanted = [(each.id, each.blocking[stage]) for each in policy.gates if each.id not in left_out]
    if record["policy"]["sha256"] != policy.sha256 or sorted(found) != sorted(wanted):
        return "the results are of other gates than those of the policy"
    if record["verdicts"][stage] != stage_verdict(record["gates"], stage, left_out):
        return "the results were changed: their verdict does not follow from their gates"
    if record["demonstration"] == baseline["release_eligible"]:
        return f"the results were changed: they say of {baseline['id']} what its manifest denies"
    return ""


def _of(record: Mapping[str, Any], demonstration: str) -> State:
    """Return the state that follows from a record of this candidate."""
    stage, gates = record["stage"], record["gates"]
    judged = record["verdicts"][stage]
    waived = [each["id"] for each in gates if each["stages"][stage]["status"] == "waived"]
    unjudged = [each["id"] for each in gates if _is_unjudged(each, stage)]
    blocking = _listed("blocking", judged["blocking"])
    why = f"{headline(record)}{blocking}{_listed('waived', waived)}"
    if judged["verdict"] == "partial" or record["deselected"]:
        return State(False, f"{why}: gates were left out, so nothing follows")
    if not record["demonstration"]:
        return State(judged["verdict"] == "ready", why)
    if demonstration != REPORT_ONLY:
        return State(False, f"{why}. No release can follow from a demonstration{_CHOICE}")
    if unjudged:
        return State(False, f"{why}. Not even a demonstration{_listed('not judged', unjudged)}")
    return State(True, f"{why}. Nothing here says that a file may be released.", decided=False)


def _is_unjudged(gate: Mapping[str, Any], stage: str) -> bool:
    """Decide whether a blocking gate was not judged, though a file alone can be judged by it.

    A measurement that noise leaves undecided was judged: it has a value.
    """
    at = gate["stages"][stage]
    unmeasured = at["status"] == "unmeasured" and gate["value"] is None
    missing = unmeasured and gate["group"] not in _NOT_OF_A_FILE
    return bool(at["blocking"]) and (at["status"] == "error" or missing)


def _listed(what: str, gates: Sequence[str]) -> str:
    """Return how many gates are so, and the first of them; empty for none."""
    more = f" and {len(gates) - _NAMED} more" if len(gates) > _NAMED else ""
    return f"; {len(gates)} {what}: {', '.join(gates[:_NAMED])}{more}" if gates else ""


def report(site: Path, results: Path | None, taken: int = 0) -> tuple[str, list[str]]:
    """Return the step summary, where `taken` bytes are used already, and the annotations.

    Both come from the exported dashboard; without one the summary says what the results say.
    """
    summary = site / "summary.md"
    text = summary.read_text(errors="replace") if summary.is_file() else _plain(results)
    listed = site / "annotations.txt"
    lines = listed.read_text(errors="replace").split("\n") if listed.is_file() else []
    allowed = [line for line in lines if _ANNOTATION.fullmatch(line)]
    return cut(text, MOST_SUMMARY - _ROOM - taken), allowed[:MOST_ANNOTATIONS]


def cut(text: str, most: int) -> str:
    """Return a text that is no longer than `most` bytes of UTF-8, cut at a line and saying so."""
    data = text.encode()
    if len(data) <= most:
        return text
    whole = data[: max(0, most - len(_CUT.encode()))].rpartition(b"\n")[0]
    return whole.decode() + _CUT


def _plain(results: Path | None) -> str:
    """Return what the results say, as text that is not rendered."""
    lines = ["No dashboard was exported.", ""]
    try:
        record = read_record(results or Path("gate_results.json"), "gate_results")
    except RecordError as error:
        return "\n".join([*lines, _literal(f"no gate results: {error.message}")])
    said = [headline(record), _failure(record)]
    return "\n".join([*lines, *(_literal(each) for each in said if each)])


def _failure(record: Mapping[str, Any]) -> str:
    """Return why a file was not judged and what to do; empty where it was."""
    error = record["error"]
    return f"{error['message']} Next: {error['remedy']}" if error else ""


def _literal(text: str) -> str:
    """Return a text as one line of Markdown that is shown as it is, never rendered."""
    return "    " + "".join(each if each.isprintable() else " " for each in text)


def _data(text: str) -> str:
    """Return a text as it may stand in a workflow command (as the actions toolkit escapes it)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
