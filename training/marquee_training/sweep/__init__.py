"""A sweep over the re-ranker's settings: accuracy against variety and coverage, as a CSV, a plot and text.

From the ground up: `grid` (settings), `lists` (fitted folds and their lists), `results` (metrics, CSV, fronts), `plot`
(plot and text), `run` (processes; everything together).
"""
