"""Benchmarks: ours beside the alternative, in one run."""
