"""How good are the models? Imports go one way, from the question to the report.

`cases`, `ranking`, `accuracy`, `beyond` and `intervals` know no model, and the training loop uses them as well;
`baselines`, `tuning`, `product` and `rows` make what is judged; `rounds` and `protocols` say who is fitted on and who
is asked; `judge`, `summary` and `report` put it together. docs/quality.md defines every figure.
"""
