"""What it is worth to tell several tastes apart: `python -m benchmarks.together --data DIR`."""
