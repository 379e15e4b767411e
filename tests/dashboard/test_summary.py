"""The summary and the annotations: verdict first, worst first, inert, and never too long."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.blocks import Link
from dashboard.escaping import markdown
from dashboard.run_data import RunData
from dashboard.summary import MOST_ANNOTATIONS, MOST_BYTES, annotations, summary_markdown

GITHUB_LIMIT = 1 << 20
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
        "message": "no more than the limit",
    }
    return {
        "id": name, "title": f"Title of {name}", "group": "loss", "unit": "share", "value": 0.2,
        "message": "as measured", "within_noise": None, "stages": {"default": at, "beta": at},
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
        "demonstration": False,
        "error": None,
        "deselected": [],
    } | given  # fmt: skip
    results["incumbent"] = {"label": "the incumbent", "sha256": "i" * 64}
    losses = {"candidate": 0.25, "incumbent": 0.5, "held_out": {"candidate": 1, "incumbent": 2}}
    loss = {"losses": {"broad_relative_v1": losses}, "wins": 3, "losses_count": 2, "ties": 0}
    return RunData(
        key, f"run {key}", "mp-national", "sealed", {"gate_results": results, "loss": loss}
    )


def summary(run: RunData, **given: Any) -> str:
    return summary_markdown(run, stage="default", **given)


def rows(text: str, title: str) -> list[str]:
    """Return the first cells of the table under a heading."""
    part = text.split(f"## {title}", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].removeprefix("| ") for line in lines[1:]]


FAILED = (
    gate("a.near", "fail", margin=-0.01),
    gate("b.pass"),
    gate("c.unmeasured", "unmeasured", value=None, margin=None),
    gate("d.far", "fail", margin=-0.9),
    gate("e.error", "error", value=None, margin=None),
    gate("f.zero", "fail", limit=0.0, margin=-0.1),
    gate("g.aside", "fail", blocking=False),
)


def test_the_verdict_comes_first_and_the_worst_gate_next() -> None:
    text = summary(run_of(*FAILED))
    first = text.splitlines()[0]
    assert first == "# mp-national, stage default: blocked: 6 blocking gates do not pass"
    order = ["e.error", "f.zero", "d.far", "a.near", "c.unmeasured"]
    assert rows(text, "What blocks, worst first (5)") == order
    assert rows(text, "Not passed, but not blocking (1)") == ["g.aside"]
    assert "| d.far | fail | +20 % | 10 % | −90 % | Title of d.far: as measured |" in text
    assert "7 gates: 4 fail, 1 pass, 1 unmeasured, 1 error." in text
    assert "another modelling iteration. Mend it." in text


def test_a_demonstration_is_never_called_ready() -> None:
    text = summary(run_of(gate("a"), demonstration=True))
    assert "demonstration" in text.splitlines()[0]
    assert "ready" not in text.splitlines()[0]
    assert "ready: every blocking gate passes" in summary(run_of(gate("a"))).splitlines()[0]


def test_losses_of_both_sides_are_there() -> None:
    text = summary(run_of(gate("a")))
    assert "| Broad loss | 0.2500 | 0.5000 |" in text
    assert "| Held-out loss | 1 | 2 |" in text
    assert "3 won, 2 lost, 0 tied" in text


def test_what_changed_is_told_gate_by_gate() -> None:
    before = run_of(gate("a"), gate("b", "fail"), gate("c"), key="k0")
    now = run_of(gate("a", "fail"), gate("b"), gate("d"))
    now.records["loss"]["losses"]["broad_relative_v1"]["candidate"] = 0.2
    text = summary(now, previous=before)
    assert rows(text, "What changed since") == ["a", "c", "b", "d"]
    assert "| a | pass | fail |" in text
    assert "Broad loss 0.2500 before, 0.2000 now (−0.0500" in text
    assert "No gate has another status" in summary(now, previous=now)
    assert "No earlier candidate" in summary(now)


@pytest.mark.parametrize("what", ["policy", "incumbent"])
def test_runs_judged_by_another_rule_are_not_compared(what: str) -> None:
    before, now = run_of(gate("a"), key="k0"), run_of(gate("a", "fail"))
    before.records["gate_results"][what]["sha256"] = "0" * 64
    text = summary(now, previous=before)
    assert f"the {what} of the two runs are not the same" in text
    assert "| a | pass | fail |" not in text


def test_gates_link_into_the_site_where_they_have_a_page() -> None:
    def address(link: Link) -> str | None:
        return f"gate/{link.params['gate']}.html" if link.params.get("gate") == "d.far" else None

    text = summary(run_of(*FAILED), address=address)
    assert "| [d.far](gate/d.far.html) | fail |" in text
    assert "| a.near | fail |" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_no_markup(text: str) -> None:
    failed = gate("a", "fail", title=text, message=text)
    drawn = summary(run_of(failed, candidate={"label": text, "sha256": None}), heading=text)
    plain = summary(run_of(failed | {"title": "x", "message": "x"}), heading="x")
    assert drawn.count("\n") == plain.count("\n")
    assert drawn.count("|") == plain.count("|")
    assert not re.search(r"<|@(?!&#8203;)|(?<!\\)[`*\[$~]|https?://|www\.", drawn.replace("**", ""))


@given(st.text())
def test_any_text_is_one_line_of_markdown(text: str) -> None:
    escaped = markdown(text)
    assert "\n" not in escaped
    assert "|" not in escaped
    assert "<" not in escaped
    assert (len(escaped) - len(escaped.rstrip("\\"))) % 2 == 0
    escaped.encode()


def test_thousands_of_long_gates_are_cut_and_counted() -> None:
    many = 5000
    gates = [
        gate(
            f"g.{place:04d}", "fail", title="é|" * 200, message="@" * 5000, blocking=place % 2 == 0
        )
        for place in range(many)
    ]
    before = run_of(*(gate(each["id"]) for each in gates), key="k0")
    text = summary(run_of(*gates), previous=before)
    assert len(text.encode()) < MOST_BYTES < GITHUB_LIMIT / 2
    left = [int(found) for found in re.findall(r"(\d+) more rows were left out", text)]
    titles = ("What blocks, worst first (2500)", "Not passed, but not blocking (2500)")
    shown = [len(rows(text, title)) for title in titles]
    assert [kept + out for kept, out in zip(shown, left, strict=False)] == [2500, 2500]
    assert min(shown) > 10
    assert text.rstrip().splitlines()[-1]


def test_a_run_without_a_verdict_says_why() -> None:
    bare = RunData("k", "r", "mp-national", "unsealed", {}, {"gate_results": "never | judged"})
    assert summary(bare) == "# mp-national: not judged\n\nnever &#124; judged\n"
    assert annotations(bare, stage="default") == ["::error title=not judged::never | judged"]


def test_annotations_are_the_worst_first() -> None:
    found = annotations(run_of(*FAILED), stage="default")
    assert [line.split("%3A")[0] for line in found] == [
        "::error title=e.error", "::error title=f.zero", "::error title=d.far",
        "::error title=a.near", "::error title=c.unmeasured", "::warning title=g.aside",
    ]  # fmt: skip
    numbers = "value +20 %25, limit 10 %25, margin −90 %25; as measured"
    assert found[2] == f"::error title=d.far%3A fail::Title of d.far: {numbers}"
    assert "value" not in found[0]


@pytest.mark.parametrize("count", [9, 10, 11, 40])
def test_there_are_never_more_than_ten(count: int) -> None:
    blocking = [gate(f"g.{place}", "fail", margin=-0.1) for place in range(count)]
    aside = [gate("z", "fail", blocking=False)] if count == 40 else []
    found = annotations(run_of(*blocking, *aside), stage="default")
    assert len(found) == min(count, MOST_ANNOTATIONS)
    if count > MOST_ANNOTATIONS:
        more = count + len(aside) - 9
        said = f"{more} more gates do not pass, {count - 9} of them blocking; see the summary"
        assert found[-1] == f"::error title={more} more gates::{said}"
    else:
        assert "more gates" not in found[-1]


def test_a_passing_run_has_no_annotations() -> None:
    assert annotations(run_of(gate("a"), gate("b", "waived")), stage="default") == []


@given(st.text())
def test_no_text_ends_an_annotation_or_starts_another(text: str) -> None:
    failed = gate("a", "fail", title=text, message=text, id=f"a{text}")
    (line,) = annotations(run_of(failed), stage="default")
    assert len(line.splitlines()) == 1
    title = line.removeprefix("::error title=").split("::", 1)[0]
    assert not re.search(r"[\r\n,:]", title)
    assert not re.search(r"%(?!25|0A|0D|3A|2C)", line)


def test_the_stage_decides() -> None:
    lenient = gate("a", "fail")
    lenient["stages"] = {
        **lenient["stages"],
        "beta": {**lenient["stages"]["beta"], "status": "pass"},
    }
    run = run_of(lenient)
    assert annotations(run, stage="beta") == []
    assert len(annotations(replace(run), stage="default")) == 1
