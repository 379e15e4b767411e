"""Records that a build must keep: the wealthiest units, appended after synthesis, weights held."""
