"""The re-ranker's dials: what each setting costs and brings, as a CSV, a plot and words.

From top to bottom: `dials` one setting of all dials, `sizes` which settings are tried, `folds` the models and who is
asked, `lists` the lists that a setting gives, `marks` what people say of them, `workers` several processes, `table`
the CSV, `front` which settings nothing beats, `choice` which one wins, `words` and `plot` for people, `run` all of it.
"""
