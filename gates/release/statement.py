"""The in-toto test-result statement of a verdict: which gates passed, on what, judged by what.

Statement v1 and predicate test-result v0.1 as in github.com/in-toto/attestation (spec/v1/statement,
spec/predicates/test-result). It is not signed: an envelope can be put around it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from schemas.canonical import to_plain
from schemas.records import validate

_LISTS = ("passedTests", "warnedTests", "failedTests")


def statement_of(
    results: Mapping[str, Any], subjects: Mapping[str, str], configuration: Mapping[str, str]
) -> dict[str, Any]:
    """Return the statement; `subjects` and `configuration` give sha256 by name.

    PASSED: ready and nothing to remark. WARNED: ready, with waived gates or advisory ones that did
    not pass. FAILED: any other verdict. Gates that were deselected are in none of the lists.
    """
    tests: dict[str, list[str]] = {name: [] for name in _LISTS}
    for gate in results["gates"]:
        tests[_list_of(gate["stages"][results["stage"]])].append(gate["id"])
    ready = results["verdicts"][results["stage"]]["verdict"] == "ready"
    passed = "WARNED" if tests["warnedTests"] else "PASSED"
    record = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": _descriptors(subjects),
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": passed if ready else "FAILED",
            "configuration": _descriptors(configuration),
            **tests,
        },
    }
    validate(record, "intoto_statement")
    return record


def _list_of(stage: Mapping[str, Any]) -> str:
    """Return the list that a gate belongs to: what does not apply passes, as in the verdict."""
    if stage["status"] in ("pass", "not_applicable"):
        return "passedTests"
    waived = stage["status"] == "waived"
    return "warnedTests" if waived or not stage["blocking"] else "failedTests"


def _descriptors(sha256: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "digest": {"sha256": each}} for name, each in sorted(sha256.items())]


def statement_line(statement: Mapping[str, Any]) -> bytes:
    """Return the statement as one line of JSON (the form of a `.jsonl` file)."""
    text = json.dumps(to_plain(statement), sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode()
