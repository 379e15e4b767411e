"""Diff: each differing field once, by name."""

from baselines.diff import ABSENT, Difference, describe, diff_records


def test_equal_records_differ_in_nothing_but_their_run_block() -> None:
    left = {"a": [1, {"id": "x", "v": 2}], "run": {"at": 1}}
    assert diff_records(left, {**left, "run": {"at": 2}}) == []


def test_fields_are_named_by_path_and_by_id_wherever_they_stand() -> None:
    left = {"pins": {"sha": "a"}, "targets": [{"target_id": "t", "v": 1}, {"target_id": "u"}]}
    right = {"pins": {"sha": "b"}, "targets": [{"target_id": "u"}, {"target_id": "t", "v": 2}]}
    assert diff_records(left, right) == [
        Difference("pins.sha", "a", "b"),
        Difference("targets[t].v", 1, 2),
    ]


def test_a_field_one_side_lacks_is_a_difference() -> None:
    assert diff_records({"a": {}}, {"a": {"b": None}}) == [
        Difference("a", {}, ABSENT),
        Difference("a.b", ABSENT, None),
    ]


def test_a_run_of_another_name_is_compared() -> None:
    assert diff_records({"runtime": 1}, {"runtime": 2}) == [Difference("runtime", 1, 2)]


def test_a_long_list_is_cut_and_counted() -> None:
    many = [Difference(f"f{i}", 0, 1) for i in range(10)]
    assert describe(many, most=2) == "f0 0 -> 1; f1 0 -> 1; and 8 more"
