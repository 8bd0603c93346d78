"""Offline evaluation; docs/quality.md defines every figure.

From the ground up: `cases` (requests), `ranking` (scores to lists), `metrics`, `protocols` (who is fitted on and who is
tested), `baselines`, `rows` (REGISTRY: every model that is judged), `judge` (metrics per person), `report` (JSON).
"""
