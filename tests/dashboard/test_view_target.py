"""The page of one target: its figures, the gates it enters, where it comes from."""

from __future__ import annotations

import json

from compared_targets import HOSTILE, LOSS, RUN, blocks, column, figure, notices, table

from dashboard.blocks import Chart
from dashboard.units import shown
from dashboard.views.targets import target_page


def test_one_target_is_shown_with_its_gates_and_provenance() -> None:
    page = target_page(RUN, HOSTILE[0])
    gates = table(page, "Gates that")
    assert [cell.note or cell.text for cell in column(gates, "Gate")] == [
        "loss.broad", "family.ssi", "not judged in this run",
    ]  # fmt: skip
    assert [cell.status for cell in column(gates, "Status of the gate")] == ["pass", "fail", None]
    part = column(gates, "Part of the gate's difference")[1]
    held = {each["name"]: each["value"] for each in LOSS["families"]["ssi"]["contributors"]}
    assert part.raw == held[HOSTILE[0]]
    stated = {row[0].text: row[1].text for row in table(page, "The target as").rows}
    assert (stated["Source"], stated["Scope (universe)"]) == ("source0", "full_population")
    values = table(page, "Target, candidate")
    assert [cell.raw for cell in column(values, "Value")] == [
        LOSS["targets"][0][name] for name in ("target", "candidate", "incumbent")
    ]


def test_rank_aggregate_and_calibration_of_a_target() -> None:
    assert figure(target_page(RUN, "us.t00020"), "Rank").raw == 1
    gates = [cell.text for cell in column(table(target_page(RUN, "us.t00007"), "Gates"), "Gate")]
    assert "aggregate.total" in gates

    def said(name: str, label: str) -> str:
        rows = table(target_page(RUN, name), "Where the figures").rows
        return next(row[1].text for row in rows if row[0].text == label)

    asked = "Was the candidate calibrated to its group?"
    assert (said("us.t00014", asked), said("us.t00009", asked)) == ("yes", "no")
    assert said("us.t00009", "Can weights reach it?") == "no: beyond the bounds"


def test_a_held_out_target_says_why_it_is_held_out() -> None:
    assert "nothing else" in notices(target_page(RUN, "us.t00016"), "info")[0]
    assert notices(target_page(RUN, "us.t00017"), "info") == []
    assert "loss.held_out" in str(table(target_page(RUN, "us.t00016"), "Gates"))


def test_unknown_and_dropped_targets_say_so() -> None:
    assert "does not name it" in notices(target_page(RUN, "<img src=x>"), "empty")[0]
    assert "no estimate of the candidate" in notices(target_page(RUN, "us.gone"), "empty")[0]


def test_the_chart_says_its_values_in_the_ink_of_the_page() -> None:
    chart = blocks(target_page(RUN, "us.t00008"), Chart)[0]
    held = next(each for each in LOSS["targets"] if each["target_id"] == "us.t00008")
    spec = chart.chart.to_dict()
    rows = next(iter(spec["datasets"].values()))
    assert {each["figure"]: each["value"] for each in rows} == {
        f"{label}: {shown(held[name], 'usd')}": held[name]
        for name, label in (
            ("target", "Published target"), ("candidate", "Candidate"), ("incumbent", "Incumbent"),
        )
    }  # fmt: skip
    assert '"type": "text"' not in json.dumps(spec)  # it would be black on a dark page
