"""Makes the array a recipe asks for: any type, shape and content, the same in every process."""

from __future__ import annotations

import zlib
from typing import Any

import h5py
import numpy as np

from tests.fuzz.datasets import Recipe

COMPOUND = np.dtype([("a", "i4"), ("b", "f8"), ("c", "S3")])
SUB_ARRAY = np.dtype([("a", "f4", (2, 2))])
TEXTS = (b"", b"\xff\xfe", b"CITIZEN", b"06037", b"nan", b"1e999", "é".encode(), b".", b"[red]")


def array_of(recipe: Recipe) -> tuple[np.ndarray, Any]:
    """Return an array and the type to store it as."""
    shape = recipe.shape if isinstance(recipe.shape, tuple) else ()
    random = np.random.default_rng(zlib.crc32(repr(recipe).encode()))
    if recipe.dtype in ("compound", "sub-array", "void"):
        dtype = {"compound": COMPOUND, "sub-array": SUB_ARRAY, "void": np.dtype("V3")}[recipe.dtype]
        count = int(np.prod(shape)) * dtype.itemsize
        return np.frombuffer(random.bytes(count), dtype).reshape(shape), None
    if recipe.dtype.startswith(("vlen", "S")):
        texts = np.array(TEXTS, dtype="S")[random.integers(len(TEXTS), size=shape)]
        if recipe.dtype.startswith("S"):
            return np.asarray(texts).astype(recipe.dtype), None
        encoding = "ascii" if recipe.dtype == "vlen-ascii" else "utf-8"
        return np.asarray(texts).astype(object), h5py.string_dtype(encoding)
    if recipe.dtype == "enum":
        kind = h5py.enum_dtype({"NO": 0, "YES": 1}, basetype="i1")
        return random.integers(0, 3, size=shape).astype("i1"), kind
    return _numbers(random, shape, recipe), None


def _numbers(random: np.random.Generator, shape: tuple[int, ...], recipe: Recipe) -> np.ndarray:
    size = int(np.prod(shape))
    values = random.lognormal(3, 2, size)
    fills = {
        "zeros": np.zeros(size), "ones": np.ones(size), "negative": -values,
        "huge": np.full(size, 1e300), "count": np.arange(size), "half": values + 0.5,
        "nan": np.where(random.random(size) < 0.3, np.nan, values),
        "inf": np.where(random.random(size) < 0.3, -np.inf, values),
    }  # fmt: skip
    dtype = np.dtype(recipe.dtype)
    with np.errstate(all="ignore"):
        if recipe.fill == "huge" and dtype.kind in "iu":
            filled = np.full(size, np.iinfo(dtype).max, dtype)
        else:
            filled = np.asarray(fills.get(recipe.fill, values)).astype(dtype)
    return filled.reshape(shape)


def as_bytes(values: np.ndarray) -> np.ndarray:
    """Return text as UTF-8 bytes, and all else as it is."""
    return np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values
