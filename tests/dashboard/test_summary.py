"""The summary: verdict first, worst first, inert, and never too long."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summary_runs import FAILED, HOSTILE, gate, run_of

from dashboard.blocks import Link
from dashboard.escaping import markdown
from dashboard.run_data import RunData
from dashboard.summary import MOST_BYTES, annotations, summary_markdown

GITHUB_LIMIT = 1 << 20


def summary(run: RunData, **given: Any) -> str:
    return summary_markdown(run, stage="default", **given)


def rows(text: str, title: str) -> list[str]:
    """Return the first cells of the table under a heading."""
    part = text.split(f"## {title}", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].removeprefix("| ") for line in lines[1:]]


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


def test_what_is_waived_is_named_with_who_answers_for_it() -> None:
    signed = "waiver w-1: late data (owner A, approved by B on 2026-11-01, expires 2026-12-01)"
    waived = gate("b", "waived", margin=-0.1, exceptions=["w-1"], details=[signed, "beside it"])
    text = summary(run_of(gate("a"), waived))
    assert rows(text, "Waived: past the limit, and let pass (1)") == ["b"]
    assert f"| −10 % | Title of b: as measured; {signed} |" in text
    assert "beside it" not in text
    assert "## Waived" not in summary(run_of(gate("a")))


@pytest.mark.parametrize("status", ["fail", "unmeasured"])
def test_a_gate_whose_numbers_would_pass_says_why_it_does_not(status: str) -> None:
    inside = gate("a", status, margin=0.05, why="the effect is not plausible")
    said = "as measured; the effect is not plausible"
    assert f"| +5 % | Title of a: {said} |" in summary(run_of(inside))
    assert annotations(run_of(inside), stage="default")[0].endswith(said)
    past = gate("a", status, margin=-0.05, why="0.2 is not no more than 0.1")
    assert "is not no more" not in summary(run_of(past))


def test_gates_that_were_left_out_are_named() -> None:
    assert "2 gates were left out: x.one, y.two." in summary(
        run_of(gate("a"), deselected=["x.one", "y.two"])
    )
    assert "left out" not in summary(run_of(gate("a")))


def test_a_file_that_was_not_judged_is_one_finding_not_one_of_each_gate() -> None:
    error = {"reason": "r", "message": "It is no H5.", "remedy": "give one"}
    run = run_of(*(gate(name, "error") for name in "abc"), error=error)
    text = summary(run)
    assert "**It is no H5.** What to do: give one" in text
    assert "3 gates: 3 error." in text
    assert "##" not in text.replace("# ", "", 1)
    said = "::error title=not judged::It is no H5. What to do: give one"
    assert annotations(run, stage="default") == [said]


def test_what_is_wrong_with_the_published_candidates_is_said() -> None:
    problem = "the previous candidate x: the run is broken"
    text = summary(run_of(gate("a")), problem=problem)
    assert f"**About what is published: {problem}**" in text
    assert "No earlier candidate" not in text
    assert "Unknown; why is said at the top" in text


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
    assert "Not comparable" not in text
    assert "No gate has another status" in summary(now, previous=now)
    assert "No earlier candidate" in summary(now)


@pytest.mark.parametrize(
    ("record", "what", "said", "subtracted"),
    [
        ("gate_results", "policy", "the policy differs", True),
        ("gate_results", "incumbent", "the incumbent differs", True),
        ("loss", "suite", "the suite differs", False),
        ("loss", "kept", "the set of compared targets differs", False),
    ],
)
def test_what_two_runs_do_not_share_is_said_and_no_loss_subtracted_that_rests_on_it(
    record: str, what: str, said: str, subtracted: bool
) -> None:
    before, now = run_of(gate("a"), key="k0"), run_of(gate("a", "fail"))
    before.records[record][what]["sha256"] = "0" * 64
    text = summary(now, previous=before)
    assert f"Not comparable throughout: {said}." in text
    assert ("Broad loss 0.2500 before" in text) is subtracted
    assert "| a | pass | fail |" in text


def test_gates_link_into_the_site_where_they_have_a_page() -> None:
    def address(link: Link) -> str | None:
        return f"gate/{link.params['gate']}.html" if link.params.get("gate") == "d.far" else None

    text = summary(run_of(*FAILED), address=address)
    assert "| [d.far](gate/d.far.html) | fail |" in text
    assert "| a.near | fail |" in text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_no_markup(text: str) -> None:
    def drawn_with(text: str) -> str:
        said = {"title": text, "message": text, "why": text}
        waived = gate("w", "waived", exceptions=["w-1"], details=[f"waiver w-1: {text}"], **said)
        run = run_of(gate("a", "fail", **said), waived, candidate={"label": text, "sha256": None})
        return summary(run, heading=text, problem=text)

    drawn, plain = drawn_with(text), drawn_with("x")
    assert drawn.count("\n") == plain.count("\n")
    assert drawn.count("|") == plain.count("|")
    assert not re.search(r"<|@(?!&#8203;)|(?<!\\)[`*\[$~]|https?://|www\.", drawn.replace("**", ""))
    assert not re.search(r":[\w+-]+:", drawn.replace(":---:", ""))


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
    assert text.rstrip().endswith("open index.html of the exported dashboard.")


def test_a_run_without_a_verdict_says_why() -> None:
    bare = RunData("k", "r", "mp-national", "unsealed", {}, {"gate_results": "never | judged"})
    assert summary(bare) == "# mp-national: not judged\n\nnever &#124; judged\n"
    assert annotations(bare, stage="default") == ["::error title=not judged::never | judged"]
