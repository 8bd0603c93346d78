"""Ratings -> a published bundle: the same code for `marquee train`, the container and the Kubernetes Job.

The way of a rating: `data.sources` finds the files, `data.movielens` reads them, `interactions` makes them a sparse
matrix of people by films, of which `two_tower.batches` makes the Two-Tower's training inputs and `item_cf` its Gram
matrices. `fit` fits all models on given people, `cross_validate` does so for each fold, and `train` is the whole job.
"""
