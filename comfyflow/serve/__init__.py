"""Workflows as a service: typed parameters over HTTP, jobs that outlive the process.

A job is a row in a batch ledger, and `comfyflow.batch` runs it.
"""
