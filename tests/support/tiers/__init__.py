"""Runs the tiers of `make test` and holds each to its budget, its minimum of tests, and to not skipping in CI."""
