"""The annotations: worst first, at most ten, one line each, and nothing cut in silence."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from summary_runs import FAILED, HOSTILE, gate, run_of

from dashboard.summary import MOST_ANNOTATIONS, annotations
from gates.ci_state import report


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


def test_what_is_cut_says_so() -> None:
    long = gate("a", "fail", margin=-0.1, message="x" * 5000)
    (line,) = annotations(run_of(long), stage="default")
    shown, left = line.split(" … (")
    assert shown.endswith("x")
    assert shown.count("x") + int(left.removesuffix(" more characters)")) == 5000
    assert len(line) < 1000


def test_a_passing_run_has_no_annotations() -> None:
    assert annotations(run_of(gate("a"), gate("b", "waived")), stage="default") == []


@pytest.mark.parametrize("text", [*HOSTILE, "a\tb", "a\r\n::error::b", "%0A::error::x", "\x1b[2J"])
def test_the_check_prints_every_annotation(text: str, tmp_path: Path) -> None:
    lines = annotations(run_of(gate("a", "fail", title=text, message=text)), stage="default")
    (tmp_path / "annotations.txt").write_text("".join(f"{line}\n" for line in lines))
    assert report(tmp_path, None)[1] == lines


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
