"""The checked process: one path per line on stdin, one JSON answer per line on stdout.

The checks are imported once. The answer is the verdict of `mpgate contract --measure never`, made
by the same functions; what the process did beyond reading is in `acts`.
"""

from __future__ import annotations

import contextlib
import faulthandler
import io
import json
import os
import platform
import resource
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
MEMORY_BYTES = 8 * 1024**3  # a file that makes the checks ask for more is a finding
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Auditing events of Python that change something, start something or load a class.
DEEDS = frozenset(
    {
        "os.chmod", "os.exec", "os.fork", "os.link", "os.mkdir", "os.posix_spawn", "os.remove",
        "os.rename", "os.rmdir", "os.symlink", "os.system", "os.truncate", "os.utime",
        "pickle.find_class", "shutil.copyfile", "shutil.move", "shutil.rmtree", "socket.connect",
        "subprocess.Popen", "tempfile.mkdtemp", "tempfile.mkstemp",
    }
)  # fmt: skip


def verdict(path: Path, incumbent: str | None) -> Answer:
    """Return what `mpgate contract` says of one file; a refused one gets its error record."""
    from gates.judges import JUDGES
    from gates.judging import judge_gate
    from gates.measuring import gather_contract
    from gates.policy import load_policy
    from gates.results import assemble, error_record
    from schemas.errors import MpgateError
    from schemas.records import validate

    policy = load_policy()
    others = frozenset(gate.id for gate in policy.gates if gate.group != "contract")
    try:
        inputs = gather_contract(path, incumbent, mode="never")
    except MpgateError as error:
        _show(error_record(policy, path, incumbent or "none", error, "default", others))
        kind = "refused" if type(error).__name__ == "DatasetError" else "traceback"
        return {"verdict": kind, "reason": error.reason, "message": str(error)}
    validate(inputs.records["contract"], "contract_findings")
    selected = [gate for gate in policy.gates if gate.id not in others]
    judged = {gate.id: judge_gate(gate, inputs, JUDGES) for gate in selected}
    _show(assemble(policy, inputs, judged, stage="default", deselected=others))
    return _findings(inputs.records["contract"]["checks"], judged)


def _show(record: dict[str, Any]) -> None:
    """Make every form in which a user gets the results: the record, its bytes, table, summary."""
    from rich.console import Console

    from gates.results import gate_table, summary_markdown
    from schemas.canonical import canonical_bytes
    from schemas.records import validate

    validate(record, "gate_results")
    canonical_bytes(record)
    summary_markdown(record).encode()
    text = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Console(file=text, width=140).print(gate_table(record))
    text.flush()


def _findings(checks: list[dict[str, Any]], judged: dict[str, dict[str, Any]]) -> Answer:
    """Return the verdict of a file that was examined; a judge that broke down is an error too."""
    broken = {each["id"]: each["error"] for each in checks if "error" in each}
    foreseen = set(broken.values())
    for gate, result in judged.items():
        if result["status"] == "error" and result["message"] not in foreseen:
            broken[gate] = result["message"]
    breached = [each["id"] for each in checks if each["count"]]
    kind = "error" if broken else "breached" if breached else "clean"
    unmeasured = [each["id"] for each in checks if "unmeasured" in each]
    return {"verdict": kind, "checks": breached, "errors": broken, "unmeasured": unmeasured}


def serve(check: Callable[[Path, str | None], Answer]) -> None:
    """Answer until stdin ends; a line is a path, and after a tab the incumbent to compare with."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints must not read as an answer
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    acts: list[str] = []
    _watch(acts)
    _say(answers, {"ready": True})
    for line in sys.stdin:
        path, _, incumbent = line.rstrip("\n").partition("\t")
        acts.clear()
        _say(answers, {**_answer(check, Path(path), incumbent or None), "acts": acts[:5]})


def _answer(check: Callable[[Path, str | None], Answer], path: Path, incumbent: str | None) -> Any:
    try:
        return check(path, incumbent)
    except Exception as error:
        last = traceback.format_exc(limit=-3)
        return {"verdict": "traceback", "message": f"{type(error).__name__}: {error}", "at": last}


def _say(answers: io.TextIOBase, answer: Answer) -> None:
    sys.stderr.flush()
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _watch(acts: list[str]) -> None:
    """Note every deed of Python code, and every opening for writing, wherever the file lies."""

    def hook(event: str, args: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(args[2], int) and args[2] & WRITES
        if event == "os.mkdir" and Path(args[0]).is_dir():
            return  # nothing is made: a folder that is there already
        if (writes and args[0] != os.devnull) or event in DEEDS:
            acts.append(f"{event} {args[:2]!r}"[:200])

    sys.addaudithook(hook)


def main() -> None:
    """Import what the checks import late, so that no file pays for it, then serve."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations  # noqa: F401
    import microdf  # noqa: F401

    platform.processor()  # asks `uname` once
    with contextlib.suppress(BrokenPipeError):
        serve(verdict)


if __name__ == "__main__":
    main()
