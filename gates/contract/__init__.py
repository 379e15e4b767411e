"""The H5 contract: what a file must be before the engine may see it."""
