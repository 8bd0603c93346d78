"""Ours beside other libraries, on the very same folds and requests: `python -m benchmarks.quality`."""
