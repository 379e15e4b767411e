"""Build stages: checkpointed by content, resumable after a kill, profiled, guarded by disk."""
