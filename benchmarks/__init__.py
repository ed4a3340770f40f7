"""Benchmarks: each prints JSON lines ``{"figure", "value", "unit"}`` and compares with its peer in the same process."""
