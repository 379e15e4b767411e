"""A second engine's opinion: the same tax units by Tax-Calculator, and why the two differ."""

from benchmarks.cross_engine.measure import cached_cross_engine, measure_cross_engine

__all__ = ["cached_cross_engine", "measure_cross_engine"]
