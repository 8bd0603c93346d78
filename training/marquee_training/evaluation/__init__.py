"""Offline evaluation; docs/quality.md defines every figure.

Imports go one way, from requests to the report: `cases` (requests), `ranking` (scores to lists), `metrics`,
`protocols` (who is fitted on and who is tested), `baselines` and `rows` (REGISTRY: every model that is judged),
`judge` (metrics per person), `report` (JSON).
"""
