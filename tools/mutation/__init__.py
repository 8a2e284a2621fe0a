"""Mutation testing: small faults are put into the code, and a test should fail at each."""
