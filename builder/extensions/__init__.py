"""Relational tables beside the H5: lots, assets, diagnostics and provenance, each its own file."""
