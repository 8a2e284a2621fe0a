"""Many prompts on many servers: a sweep of rows, and the ledger of what became of each."""
