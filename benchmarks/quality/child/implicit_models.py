"""implicit's models. Each: (likes CSR, genres, settings, seed) fits; `scores` takes (b, n) seeds, gives (b, n)."""

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from implicit.cpu.bpr import BayesianPersonalizedRanking


class ALS:
    """Weighted least squares; a new person is one more least-squares step."""

    def __init__(self, likes, genres, settings, seed):
        self.model = AlternatingLeastSquares(**settings, iterations=15, num_threads=1, random_state=seed)
        self.model.fit(likes, show_progress=False)

    def scores(self, seeds):
        people = self.model.recalculate_user(np.arange(seeds.shape[0]), seeds)
        return people @ self.model.item_factors.T


class BPR:
    """Pairwise SGD. The library has no step for new people: the mean of the seeds' factors stands in."""

    def __init__(self, likes, genres, settings, seed):
        self.model = BayesianPersonalizedRanking(**settings, num_threads=1, random_state=seed)
        self.model.fit(likes, show_progress=False)

    def scores(self, seeds):
        items = self.model.item_factors  # the last column is the film's bias, and 1 in a person's factors
        people = np.asarray(seeds @ items) / np.diff(seeds.indptr)[:, None]
        people[:, -1] = 1.0
        return people @ items.T
