"""Runs of a few gates, for the tests of the summary and of the annotations."""

from __future__ import annotations

from typing import Any

from dashboard.run_data import RunData

HOSTILE = (
    "a | b",
    "`code`",
    "<script>alert(1)</script>",
    "@everyone",
    "[x](javascript:alert(1))",
    "![x](https://example.org/x.png)",
    "line\n\n# heading\n| a | b |",
    "**bold** _it_ ~~no~~",
    "fixes #12",
    ":tada:",
    "https://example.org www.example.org",
    "a\\",
    "$x$ &amp; \u202e",
)


def gate(name: str, status: str = "pass", **given: Any) -> dict[str, Any]:
    at = {
        "status": status,
        "blocking": given.pop("blocking", True),
        "limit": given.pop("limit", 0.1),
        "margin": given.pop("margin", 0.05),
        "message": given.pop("why", "no more than the limit"),
    }
    return {
        "id": name, "title": f"Title of {name}", "group": "loss", "unit": "share", "value": 0.2,
        "message": "as measured", "within_noise": None, "exceptions": [], "details": [],
        "stages": {"default": at, "beta": at},
    } | given  # fmt: skip


def run_of(*gates: dict[str, Any], key: str = "k1", **given: Any) -> RunData:
    blocking = [each["id"] for each in gates if each["stages"]["default"]["status"] != "pass"]
    verdict = {"verdict": "blocked" if blocking else "ready", "blocking": blocking}
    results = {
        "gates": list(gates),
        "verdicts": {"default": verdict, "beta": verdict},
        "decision": {
            "decision": "another_modelling_iteration", "stage": "default", "statement": "Mend it.",
        },
        "candidate": {"label": "candidate.h5", "sha256": "c" * 64},
        "incumbent": {"label": "the incumbent", "sha256": None},
        "policy": {"sha256": "p" * 64},
        "engine": {"policyengine_us": "2.68.0", "policyengine_core": "4.0.0"},
        "demonstration": False,
        "error": None,
        "deselected": [],
    } | given  # fmt: skip
    results["incumbent"] = {"label": "the incumbent", "sha256": "i" * 64}
    losses = {
        "candidate": 0.25, "incumbent": 0.5, "held_out": {"candidate": 1, "incumbent": 2},
        "definition_sha256": "d" * 64,
    }  # fmt: skip
    loss = {
        "losses": {"broad_relative_v1": losses}, "wins": 3, "losses_count": 2, "ties": 0,
        "suite": {"sha256": "s" * 64}, "target_db": {"sha256": "t" * 64},
        "kept": {"sha256": "k" * 64},
    }  # fmt: skip
    return RunData(
        key, f"run {key}", "mp-national", "sealed", {"gate_results": results, "loss": loss}
    )


FAILED = (
    gate("a.near", "fail", margin=-0.01),
    gate("b.pass"),
    gate("c.unmeasured", "unmeasured", value=None, margin=None),
    gate("d.far", "fail", margin=-0.9),
    gate("e.error", "error", value=None, margin=None),
    gate("f.zero", "fail", limit=0.0, margin=-0.1),
    gate("g.aside", "fail", blocking=False),
)
