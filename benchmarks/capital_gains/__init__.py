"""Capital-gains indexing: computed from lots, because the engine has no parameter for it."""
