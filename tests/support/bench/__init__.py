"""Benchmarks: what the operator costs and how long its parts take, as ratios measured side by side in one run."""
