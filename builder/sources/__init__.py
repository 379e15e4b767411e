"""Sources as providers: fetch, verify the hash, read, and say what each variable means."""
