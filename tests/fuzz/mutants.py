"""Seeded mutations of good files: flips, truncations, splices, blocks, and damaged structure."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from tests.fuzz.bases import bases

HEAD = 2048
# Signatures of HDF5's own structures: trees, heaps, symbol nodes, object headers, chunk indexes.
STRUCTURE = re.compile(rb"TREE|HEAP|SNOD|OHDR|OCHK|GCOL|FRHP|FHDB|FADB|BTHD|BTLF|EAHD|FAHD|SMTB")
BEHIND = 400  # bytes after a signature that are likely structure too
EXTREMES = tuple(
    value.to_bytes(8, "little")
    for value in (0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
)
Random = np.random.Generator
Mutation = Callable[[Random, bytearray], None]


def mutant(seed: int, number: int) -> tuple[str, bytes]:
    """Return what was done to which good file, and the spoiled bytes."""
    random = np.random.default_rng([seed, number])
    names = list(bases())
    name = names[number % len(names)]
    data = bytearray(bases()[name])
    done: list[str] = []
    for _ in range(1 + int(random.geometric(0.7) > 1)):
        mutation = MUTATIONS[int(random.integers(len(MUTATIONS)))]
        mutation(random, data)
        done.append(mutation.__name__.strip("_"))
    return f"{name}: {', '.join(done)}", bytes(data)


def _place(random: Random, data: bytearray) -> int:
    return int(random.integers(max(len(data), 1)))


def _length(random: Random, data: bytearray) -> int:
    """Return a block length: mostly short, at times a large part of the file."""
    return int(min(2 ** random.uniform(0, 14), max(len(data) // 2, 1)))


@lru_cache(maxsize=16)
def _structure(data: bytes) -> tuple[int, ...]:
    return tuple(match.start() for match in STRUCTURE.finditer(data))


def _in_structure(random: Random, data: bytearray) -> int:
    places = _structure(bytes(data))
    start = int(random.choice(places)) if places else 0
    return min(start + int(random.integers(BEHIND)), max(len(data) - 1, 0))


def _flip(random: Random, data: bytearray, place: int) -> None:
    if place < len(data):
        data[place] ^= 1 << int(random.integers(8))


def _flips(random: Random, data: bytearray) -> None:
    for _ in range(int(2 ** random.uniform(0, 8))):
        _flip(random, data, _place(random, data))


def _flips_of_head(random: Random, data: bytearray) -> None:
    for _ in range(int(2 ** random.uniform(0, 4))):
        _flip(random, data, int(random.integers(HEAD)))


def _flips_of_structure(random: Random, data: bytearray) -> None:
    place = _in_structure(random, data)
    for _ in range(int(2 ** random.uniform(0, 4))):
        _flip(random, data, place)
        place = _in_structure(random, data)


def _extreme_number(random: Random, data: bytearray) -> None:
    place = _in_structure(random, data) & ~3
    width = int(random.choice((1, 2, 4, 8)))
    data[place : place + width] = EXTREMES[int(random.integers(len(EXTREMES)))][:width]


def _random_byte_of_structure(random: Random, data: bytearray) -> None:
    place = _in_structure(random, data)
    data[place : place + 1] = random.bytes(1)


def _truncation(random: Random, data: bytearray) -> None:
    del data[_place(random, data) :]


def _splice(random: Random, data: bytearray) -> None:
    """Overwrite a block with one of another good file, from the same or another place."""
    names = list(bases())
    other = bases()[names[int(random.integers(len(names)))]]
    length, place = _length(random, data), _place(random, data)
    start = place if random.random() < 0.5 else int(random.integers(len(other)))
    block = other[start : start + length]
    data[place : place + len(block)] = block


def _zeroed_block(random: Random, data: bytearray) -> None:
    place, length = _place(random, data), _length(random, data)
    data[place : place + length] = bytes(len(data[place : place + length]))


def _random_block(random: Random, data: bytearray) -> None:
    place, length = _place(random, data), _length(random, data)
    data[place : place + length] = random.bytes(len(data[place : place + length]))


def _repeated_block(random: Random, data: bytearray) -> None:
    """Write a block once more: over what follows it, or before it, so that all the rest moves."""
    place, length = _place(random, data), _length(random, data)
    block = data[place : place + length]
    end = place + len(block)
    data[end : end + (len(block) if random.random() < 0.7 else 0)] = block


def _copied_structure(random: Random, data: bytearray) -> None:
    """Write one structure over another: valid signatures with foreign addresses."""
    start, target = _in_structure(random, data) & ~7, _in_structure(random, data) & ~7
    length = int(random.integers(8, 512))
    block = data[start : start + min(length, len(data) - target)]
    data[target : target + len(block)] = block


MUTATIONS: tuple[Mutation, ...] = (
    _flips,
    _flips_of_head,
    _flips_of_structure,
    _flips_of_structure,
    _extreme_number,
    _extreme_number,
    _random_byte_of_structure,
    _truncation,
    _splice,
    _zeroed_block,
    _random_block,
    _repeated_block,
    _copied_structure,
)
