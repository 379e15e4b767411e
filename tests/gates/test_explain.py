"""`--explain`: wins, losses and rest that add up, for every way of grouping the targets."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from gates.explain import explanation, print_explanation, ranked, require_explainable
from gates.inputs import JudgeInputs
from schemas.canonical import canonical_bytes
from schemas.errors import UsageError
from tests.gates.losses import POLICY, inputs, judged
from tests.gates.test_loss_judges import put


def explained(about: str, found: JudgeInputs | None = None) -> dict[str, Any]:
    found = found or inputs()
    return explanation(found, POLICY.gate(about), judged(about, found), "default")


def sums(parts: dict[str, Any]) -> dict[str, float]:
    return {
        name: sum(p["value"] for p in (*ranks["wins"], *ranks["losses"])) + ranks["rest"]["value"]
        for name, ranks in parts["by"].items()
    }


@pytest.mark.parametrize(
    "about", ["loss.broad", "loss.held_out", "family.snap", "aggregate.snap_value"]
)
def test_the_parts_add_up_in_every_grouping(about: str) -> None:
    parts = explained(about)["parts"]
    assert list(parts["by"]) == ["target", "source", "family", "state"]
    for name, total in sums(parts).items():
        assert total == pytest.approx(parts["delta"], abs=1e-9), name


def test_a_loss_is_explained_by_all_its_targets_grouped_by_what_they_are() -> None:
    found = explained("loss.broad")
    assert found["parts"]["delta"] == pytest.approx(found["delta"], abs=1e-9)
    by = found["parts"]["by"]
    assert by["target"]["wins"][0] == {"name": "plain.won", "value": -0.4}
    assert len(by["target"]["wins"]) == 10
    assert by["target"]["losses"] == [{"name": "state.lost", "value": 0.1}]
    assert by["target"]["rest"] == {"count": 16, "value": pytest.approx(-0.064)}
    assert by["source"]["losses"] == [{"name": "USDA", "value": 0.1}]
    assert by["family"]["wins"] == [{"name": "wages", "value": pytest.approx(-0.5)}]
    assert by["state"]["losses"] == [{"name": "state 06", "value": 0.1}]
    assert by["state"]["wins"] == [{"name": "national", "value": pytest.approx(-0.5)}]


def test_one_planted_bad_target_is_on_top() -> None:
    pairs = [(f"t{i}", 0.001 * (-1) ** i) for i in range(100)]
    found = ranked([*pairs[:50], ("planted", 0.7), *pairs[50:]])
    assert found["losses"][0] == {"name": "planted", "value": 0.7}
    assert found["rest"]["count"] == 101 - 20


def test_districts_count_to_their_state() -> None:
    def move(record: dict[str, Any]) -> None:
        record["targets"][0].update(geography_level="congressional_district", geography_id="0612")

    by = explained("loss.broad", inputs(move))["parts"]["by"]["state"]
    assert by["wins"][0] == {"name": "state 06", "value": pytest.approx(-0.3)}


def test_the_held_out_loss_is_explained_by_its_rows_alone() -> None:
    parts = explained("loss.held_out")["parts"]
    assert parts["of"] == "the held-out targets' part of the whole loss difference"
    assert [part["name"] for part in parts["by"]["target"]["losses"]] == ["state.lost"]
    assert parts["delta"] == pytest.approx(0.1)


def test_a_gate_without_targets_is_explained_by_its_contributors_or_not_at_all() -> None:
    net_income = explained("aggregate.household_net_income")["parts"]
    assert list(net_income["by"]) == ["part"]
    assert net_income["delta"] == 9e9
    assert explained("baseline.integrity")["parts"] is None
    assert explained("family.ssi")["parts"] is None
    assert explained("family.ssi")["status"] == "unmeasured"


def test_the_text_holds_finding_rule_limit_noise_and_next_step() -> None:
    changed = put("losses/broad_relative_v1", standard_error=0.5, within_noise=True)
    found = explained("loss.broad", inputs(changed))
    text = io.StringIO()
    print_explanation(found, Console(file=text, width=40))
    said = text.getvalue()
    assert "loss.broad: pass at default" in said
    assert f"  finding: {found['finding']}\n" in said
    assert "rule: plan: National release gates, Target loss: Loss broad_relative_v1" in said
    assert "limit: 0 loss, margin 0.4" in said
    assert "standard error: 0.5, within noise" in said
    assert "wins by state:\n    -0.5  national" in said
    assert "the rest (16 more)" in said
    assert "next: none needed" in said
    assert canonical_bytes(found)


def test_every_gate_can_be_explained() -> None:
    for gate in POLICY.gates:
        found = explained(gate.id)
        print_explanation(found, Console(file=io.StringIO()))
        assert found["gate"] == gate.id


def test_an_unknown_gate_is_a_usage_error_that_lists_the_ids() -> None:
    with pytest.raises(UsageError) as caught:
        require_explainable("loss.bread", [gate.id for gate in POLICY.gates])
    assert "loss.broad" in caught.value.remedy
    assert "aggregate.ssi_value" in caught.value.remedy
