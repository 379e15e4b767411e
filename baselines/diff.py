"""What differs between two records, field by field."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from schemas.canonical import VOLATILE

ABSENT = "(absent)"
_NAMES = ("target_id", "id", "file", "path", "name")


class Difference(NamedTuple):
    """One field whose values differ; a field one side lacks reads `(absent)` there."""

    field: str
    left: Any
    right: Any


def diff_records(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[Difference]:
    """Return the differing fields of two JSON records, sorted; the `run` block is left out."""
    ours, theirs = dict(_flatten(left)), dict(_flatten(right))
    return [
        Difference(field, ours.get(field, ABSENT), theirs.get(field, ABSENT))
        for field in sorted(ours.keys() | theirs.keys())
        if field.split(".")[0] != VOLATILE and ours.get(field, ABSENT) != theirs.get(field, ABSENT)
    ]


def describe(differences: list[Difference], most: int = 8) -> str:
    """Return the differences as one line: `field left -> right`, at most `most` of them."""
    shown = "; ".join(f"{each.field} {each.left} -> {each.right}" for each in differences[:most])
    more = len(differences) - most
    return f"{shown}; and {more} more" if more > 0 else shown


def _flatten(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted field, scalar); list items are named by their id, else by their place."""
    if isinstance(value, Mapping) and value:
        for key, each in value.items():
            yield from _flatten(each, f"{field}.{key}" if field else key)
    elif isinstance(value, list) and value:
        for place, each in enumerate(value):
            yield from _flatten(each, f"{field}[{_item_name(each, place)}]")
    else:
        yield field, value


def _item_name(item: Any, place: int) -> str:
    named = [item[key] for key in _NAMES if key in item] if isinstance(item, Mapping) else []
    return str(named[0] if named else place)
