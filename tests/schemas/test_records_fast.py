"""The fast validator decides and the slow one explains: they must not disagree in silence."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import records
from schemas.canonical import canonical_bytes
from schemas.errors import RecordError
from schemas.records import load_schema, parse_record, read_record, schema_names, validate

MUTATIONS = 120
TEXTS = ("0" * 64, "a", "2026-11-25", "2026-11-25T12:00:00+00:00", "12345", "3.11.7", "0001.json")
TEXTS += ("https://example.org/x", "A", "AB", "a.b/c", "01", "/a", "a=b", "1.0", "2024-01", "US")
ODD: tuple[Any, ...] = (None, True, False, 0, 1, -1, 1.0, 0.5, -0.0, 10**30, 1e300, "", "x", [], {})
ODD += (
    "0" * 64,
    "0" * 64 + "\n",
    "2026-02-30",
    "20260225",
    "2026-11-25",
    "A",
    "..",
    [None],
    {"x": 1},
)


def sketch(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    """Return a small value that fits a schema, as far as its plain keywords say."""
    if "$ref" in schema:
        where, _, key = schema["$ref"].partition("#/$defs/")
        root = load_schema("common") if where else root
        return sketch(root["$defs"][key], root)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema and "type" not in schema:
            return sketch(schema[key][0], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kinds = schema.get("type", "null")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "object":
        return _object(schema, root)
    if kind == "array":
        first = [sketch(each, root) for each in schema.get("prefixItems", ())]
        more = max(schema.get("minItems", 0) - len(first), 0)
        return first + [sketch(schema.get("items") or {}, root) for _ in range(more)]
    if kind == "string":
        return _text(schema)
    return {"boolean": False, "null": None}.get(kind, _number(schema))


def _object(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    parts, rest = schema.get("properties", {}), schema.get("additionalProperties", {})
    patterned = next(iter(schema.get("patternProperties", {}).values()), None)
    names = [*schema.get("required", ())]
    spare = (schema.get("propertyNames") or {}).get("enum") or [
        text
        for text in TEXTS
        if re.search((schema.get("propertyNames") or {}).get("pattern", ""), text)
    ]
    names += [name for name in spare if name not in names][: schema.get("minProperties", 0)]
    inner = patterned or (rest if isinstance(rest, dict) else {})
    return {name: sketch(parts.get(name, inner), root) for name in names}


def _text(schema: Mapping[str, Any]) -> str:
    parsers = {"date": date.fromisoformat, "date-time": datetime.fromisoformat}
    for text in TEXTS:
        try:
            parsers.get(schema.get("format", ""), str)(text)
        except ValueError:
            continue
        if schema.get("format") == "date-time" and "T" not in text:
            continue
        if re.search(schema.get("pattern", ""), text):
            return text
    return TEXTS[0]


def _number(schema: Mapping[str, Any]) -> float:
    if "integer" in schema.get("type", ()):
        return int(schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1))
    low = schema.get("minimum", schema.get("exclusiveMinimum", -2))
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 4))
    return float(low + high) / 2


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a record."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in inner:
        yield (*at, key)
        if isinstance(each, dict | list):
            yield from places(each, (*at, key))


def mutations(record: dict[str, Any], seed: str) -> Iterator[dict[str, Any]]:
    """Yield copies of a record with one value replaced, removed or added."""
    draw = random.Random(seed)
    paths = list(places(record))
    for _ in range(MUTATIONS if paths else 0):
        changed = copy.deepcopy(record)
        *way, last = draw.choice(paths)
        holder: Any = changed
        for key in way:
            holder = holder[key]
        how = draw.randrange(8)
        if how == 0:
            del holder[last]
        elif how == 1 and isinstance(holder, dict):
            holder[f"{last}_"] = draw.choice(ODD)
        else:
            holder[last] = draw.choice(ODD)
        yield changed


def refused(record: dict[str, Any], name: str) -> bool:
    try:
        validate(record, name)
    except RecordError:
        return True
    return False


def test_most_sketches_are_valid_so_that_changing_them_tells_something() -> None:
    valid = [n for n in schema_names() if not refused(sketch(load_schema(n), load_schema(n)), n)]
    assert len(valid) >= len(schema_names()) - 6, set(schema_names()) - set(valid)


@pytest.mark.parametrize("name", schema_names())
def test_the_fast_validator_is_never_laxer_and_a_refusal_is_never_silent(name: str) -> None:
    record = sketch(load_schema(name), load_schema(name))
    slow = records._validator(name)
    for changed in (record, *mutations(record, name)):
        if not slow.is_valid(changed):
            assert records._refusal(changed, name) is not None, changed
        assert refused(changed, name) == (records._refusal(changed, name) is not None)


def test_the_committed_records_are_valid_for_both() -> None:
    root = Path(records.__file__).parents[1]
    found = 0
    for room in ("gates", "baselines", "benchmarks", "builder"):
        for path in sorted((root / room).rglob("*.json")):
            name = _schema_of(path)
            if name in schema_names() and path.stat().st_size < 200_000:
                record = read_record(path, name)
                assert records._validator(name).is_valid(record), path.name
                found += 1
    assert found >= 10


def _schema_of(path: Path) -> str:
    record = json.loads(path.read_text())
    return str(record.get("schema")) if isinstance(record, dict) else ""


def waiver(**changes: Any) -> dict[str, Any]:
    return {
        "schema": "exception",
        "schema_version": 1,
        "id": "w-1",
        "kind": "waiver",
        "gate": "size.h5",
        "subject": "H5 size",
        "candidate_sha256": "0" * 64,
        "reason": "extension not split off yet",
        "owner": "release",
        "approved_by": "release manager",
        "approved_on": "2026-01-01",
        "expires_on": "2026-02-01",
        "bound": {"value": 2.5, "unit": "ratio"},
        **changes,
    }


def test_where_the_slow_validator_finds_nothing_the_fast_one_explains() -> None:
    record = waiver(candidate_sha256="0" * 64 + "\n")  # which `$` lets pass in Python
    assert records._validator("exception").is_valid(record)
    with pytest.raises(RecordError, match=r"\$\.candidate_sha256: .*does not match") as caught:
        validate(record, "exception")
    assert caught.value.reason == "record.schema"


def test_a_disagreement_the_other_way_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of the slow validator is used if it has one."""
    with pytest.raises(RecordError, match=r"\$\.kind: 'favour' is not one of"):
        validate(waiver(kind="favour"), "exception")
    monkeypatch.setattr(records, "_refusal", lambda record, name: "$: no")
    with pytest.raises(RecordError, match=r"exception record: \$: no"):
        validate(waiver(), "exception")


def test_the_slow_validator_is_not_asked_about_a_valid_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def asked(name: str) -> Any:
        raise AssertionError(name)

    monkeypatch.setattr(records, "_validator", asked)
    validate(waiver(), "exception")
    assert parse_record(canonical_bytes(waiver()), "exception", "w.json") == waiver()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_what_is_not_finite_is_refused_with_its_path(number: str) -> None:
    data = json.dumps(waiver()).replace("2.5", number).encode()
    with pytest.raises(RecordError, match=r"\$\.bound\.value") as caught:
        parse_record(data, "exception", "w.json")
    assert caught.value.reason == "record.not_finite"


def test_the_quick_parser_reads_what_is_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: Any, **__: Any) -> Any:
        raise AssertionError("the slow parser was asked")

    data = canonical_bytes(waiver())
    monkeypatch.setattr(json, "loads", asked)
    assert parse_record(data, "exception", "w.json") == waiver()


def test_a_record_of_another_version_is_refused_by_that_alone() -> None:
    known = load_schema("exception")["properties"]["schema_version"]["const"]
    other = waiver(schema_version=known + 1, new_in_it={"deep": [1]})
    with pytest.raises(
        RecordError, match=rf"schema_version is {known + 1}, and version {known} is"
    ):
        validate(other, "exception")
    with pytest.raises(RecordError, match=r"was expected \(and 2 more\)"):
        validate({**other, "schema": "policy"}, "exception")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe{}", "record.unreadable"),
        (b"", "record.unreadable"),
        (b"{", "record.unreadable"),
        (b"[" * 200_000, "record.unreadable"),
        (b'{"a": ' * 200_000, "record.unreadable"),
        (b"[1e999]", "record.not_finite"),
        (b"[]", "record.schema"),
        ("{}".encode("utf-16"), "record.unreadable"),
    ],
)
def test_what_is_no_record_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_record(data, "exception", "w.json")
    assert caught.value.reason == reason
