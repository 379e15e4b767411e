"""The immutable bundle of a run: what was built and measured is sealed, then the verdict on it."""
