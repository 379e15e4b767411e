"""The national policy: all ten release gates, closed world, thresholds agreeing with the suite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.runtime import load_settings
from benchmarks.suite import load_suite
from gates.contract.checks import CHECKS
from gates.judges import JUDGES
from gates.policy import POLICY_DIR, Limit, load_policy
from schemas.errors import RecordError

TEN = {
    "baseline",
    "contract",
    "loss",
    "family",
    "aggregate",
    "benchmark",
    "runtime",
    "size",
    "artifacts",
    "release",
}
OURS = {"targets", "exceptions", "cross_engine"}
ADVISORY = {"cross.taxcalc"}  # a second engine is no truth: it never blocks
OUTPUTS = ("fiscal", "household_net_income")
EXTERNAL = "benchmark.tara-watson.external"  # no figure is published: it never blocks


def test_every_release_gate_of_the_plan_is_listed_and_blocks_the_default() -> None:
    policy = load_policy()
    assert {gate.group for gate in policy.gates} == TEN | OURS
    advisory = {gate.id for gate in policy.gates if not gate.blocking["default"]}
    assert advisory == {EXTERNAL} | ADVISORY
    assert sum(gate.group == "family" for gate in policy.gates) == 10
    assert sum(gate.group == "aggregate" for gate in policy.gates) == 10


def test_beta_needs_the_five_things_the_plan_names() -> None:
    gates = load_policy().gates
    groups = {gate.group for gate in gates if gate.blocking["beta"]}
    ours = OURS - {load_policy().gate(each).group for each in ADVISORY}
    assert groups == {"baseline", "contract", "loss", "runtime", "artifacts"} | ours
    advisory = {gate.id for gate in gates if gate.group == "loss" and not gate.blocking["beta"]}
    assert advisory == {"loss.held_out"}


def test_the_limits_of_the_plan_are_the_ones_in_the_data() -> None:
    policy = load_policy()
    runtime = policy.gate("runtime.median").limits
    assert runtime["default"] is not None
    assert runtime["beta"] is not None
    assert (runtime["default"].absolute, runtime["beta"].absolute) == (1.25, 2.0)
    tolerant = [gate for gate in policy.gates if gate.group == "family"]
    for gate in (*tolerant, policy.gate("loss.held_out")):
        for limit in gate.limits.values():
            assert limit == Limit(0.05, 0.005, "max", "no_more_than"), gate.id
    for gate in (gate for gate in policy.gates if gate.judge == "aggregate"):
        assert set(gate.limits.values()) == {Limit(None, 0, "max", "no_more_than")}
    own = policy.gate("aggregate.household_net_income").limits["default"]
    assert own == Limit(0.05, 5e9, "max", "no_more_than")


def test_each_gate_accepts_the_kind_of_record_that_the_plan_names() -> None:
    for gate in load_policy().gates:
        explained = gate.group == "aggregate" or gate.judge == "benchmark_delta"
        decided = ("product_decision",) if gate.id == "runtime.median" else ()
        assert gate.exceptions == (("explanation",) if explained else decided), gate.id
        assert gate.exceptions_up_to == (2.0 if decided else None), gate.id


def test_families_and_aggregates_are_those_of_the_suite_judged_on_the_same_basis() -> None:
    scheme, policy = load_suite().scheme, load_policy()
    families = {each.name: each.measure for each in scheme.families}
    aggregates = {each.name: each.measure for each in scheme.aggregates}
    judged = [gate for gate in policy.gates if gate.group == "family"]
    assert {gate.parameters["family"] for gate in judged} == set(families)
    for gate in judged:
        basis = "incumbent_estimate" if families[gate.parameters["family"]] else "targets"
        assert gate.parameters["basis"] == basis, gate.id
    judged = [gate for gate in policy.gates if gate.group == "aggregate"]
    assert {gate.parameters["aggregate"] for gate in judged} == set(aggregates)
    for gate in judged:
        assert gate.id == f"aggregate.{gate.parameters['aggregate']}"
        own = aggregates[gate.parameters["aggregate"]] is not None
        assert gate.judge == ("own_estimate" if own else "aggregate"), gate.id


def test_benchmark_tolerances_are_those_of_the_frozen_suite() -> None:
    tolerances = {each["id"]: each["tolerance"] for each in load_suite().benchmarks}
    for gate in load_policy().gates:
        if gate.judge == "benchmark_delta":
            tolerance = tolerances[gate.parameters["benchmark"]]
            assert set(gate.limits.values()) == {Limit(**tolerance, direction="no_more_than")}


def test_every_benchmark_of_the_suite_gates_fiscal_impact_and_net_income() -> None:
    suite, policy = load_suite(), load_policy()
    gates = [gate for gate in policy.gates if gate.group == "benchmark"]
    judged = [gate for gate in gates if gate.judge == "benchmark_delta"]
    wanted = {(each["id"], out) for each in suite.benchmarks for out in OUTPUTS}
    assert len(wanted) == 26
    assert {(g.parameters["benchmark"], g.parameters["output"]) for g in judged} == wanted
    for gate in judged:
        assert gate.id == f"benchmark.{gate.parameters['benchmark']}.{gate.parameters['output']}"
        assert not gate.blocking["beta"]
    others = {gate.id for gate in gates} - {gate.id for gate in judged}
    assert others == {EXTERNAL, "benchmark.per-person-transfer.identity"}


def test_reconstructed_benchmarks_say_so_and_wait_for_their_record() -> None:
    suite, policy = load_suite(), load_policy()
    waiting = [each["id"] for each in suite.benchmarks if "external_record" in each]
    assert policy.gate(EXTERNAL).parameters["benchmarks"] == waiting
    for gate in policy.gates:
        if gate.judge == "benchmark_delta":
            pending = "reconstructed, confirmation pending" in gate.title
            assert pending == (gate.parameters["benchmark"] in waiting), gate.id


def test_the_identity_is_that_of_the_suite() -> None:
    gate = load_policy().gate("benchmark.per-person-transfer.identity")
    identities = {e["id"]: e["identity"] for e in load_suite().benchmarks if "identity" in e}
    assert list(identities) == [gate.parameters["benchmark"]]
    assert identities["per-person-transfer"]["per_person"] == gate.parameters["amount"]
    assert set(gate.limits.values()) == {Limit(None, 1e-6, "max", "no_more_than")}


def test_runtime_is_decided_at_the_limits_it_is_judged_by() -> None:
    gate, settings = load_policy().gate("runtime.median"), load_settings()
    limits = {limit.absolute for limit in gate.limits.values() if limit}
    assert limits == set(settings["limits"])
    assert gate.parameters["min_pairs"] == settings["min_pairs"] == 3


def test_every_judge_is_used_and_every_contract_check_has_a_gate() -> None:
    gates = load_policy().gates
    assert {gate.judge for gate in gates} == set(JUDGES)
    checks = {gate.parameters["check"] for gate in gates if gate.judge == "contract"}
    assert checks == {check.id for check in CHECKS}


@pytest.mark.parametrize(
    "change", ["unknown key", "repeated id", "no limit key", "bound", "cap without exceptions"]
)
def test_a_policy_with_a_fault_is_refused(tmp_path: Path, change: str) -> None:
    record = json.loads((POLICY_DIR / "national.json").read_text())
    if change == "unknown key":
        record["gates"][0]["treshold"] = 1
    elif change == "repeated id":
        record["gates"].append(record["gates"][0])
    elif change == "cap without exceptions":
        record["gates"][0]["exceptions_up_to"] = 2.0
    elif change == "bound":
        gate = next(gate for gate in record["gates"] if "exceptions" in gate)
        gate["stages"]["default"]["limit"]["direction"] = "at_least"
    else:
        del record["gates"][0]["stages"]["beta"]["limit"]["direction"]
    (tmp_path / "national.json").write_text(json.dumps(record))
    with pytest.raises(RecordError):
        load_policy("national", tmp_path)
