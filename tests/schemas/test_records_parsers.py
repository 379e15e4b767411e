"""The quick JSON parser reads what `json` reads, to the last bit, and nothing that it refuses."""

from __future__ import annotations

import json
import math
import random
import struct

import pytest

from schemas import records
from schemas.errors import RecordError

PARSED: tuple[str, ...] = (
    "1",
    "-0.0",
    "1e5",
    "1" + "0" * 30,
    "5e-324",
    "2e-400",
    '"\\u0000"',
    '"\\ud83d\\ude00"',
)
PARSED += ('"\\ud800"', '{"a":1,"a":2}', '{"\\u0061":1,"a":2}', " [ ] ", "[" * 300 + "]" * 300)
REFUSED: tuple[str, ...] = (
    "1e999",
    "[-1e999]",
    "NaN",
    "1" + "0" * 400 + ".0",
    "1" * 5000,
    "01",
    "1.",
    "[1,]",
)
REFUSED += ("", "\ufeff1", '"\x01"', "1_0", "tru", '{"a"}', "\xa01", "1 1")


@pytest.mark.parametrize("text", PARSED)
def test_both_parsers_read_the_same(text: str) -> None:
    assert repr(records._parsed(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", REFUSED)
def test_neither_parser_is_laxer(text: str) -> None:
    with pytest.raises((RecordError, ValueError)):
        records._parsed(text)


def test_every_number_is_read_to_the_last_bit() -> None:
    draw = random.Random(7)
    found = [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(3000)]
    numbers = [each for each in found if math.isfinite(each)]
    texts = [f"{each:{kind}}" for each in numbers for kind in (".25e", ".16g")]
    texts += [*map(repr, numbers), *(f"{draw.randrange(10**30)}.{10**40}" for _ in range(300))]
    assert records._parsed(f"[{','.join(texts)}]") == [float(each) for each in texts]
