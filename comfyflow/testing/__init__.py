"""Workflows under test: queries, assertions and goldens; a pytest plugin; strategies."""
