"""Benchmarks: every figure is a ratio of two measurements of the same run.

``python -m tools.bench`` runs all of them, ``python -m tools.bench spine`` one.
"""
