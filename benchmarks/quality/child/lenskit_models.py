"""LensKit's scorers. Each: (likes CSR, genres, settings, seed) fits; `scores` takes (b, n) seeds, gives (b, n)."""

import numpy as np
import pandas as pd
from lenskit.als import ImplicitMFScorer
from lenskit.data import ItemList, RecQuery, from_interactions_df
from lenskit.knn import EASEScorer, ItemKNNScorer
from lenskit.training import TrainingOptions


class Fitted:
    """New people are queries that carry their history, one at a time, as the library has it."""

    def __init__(self, scorer, likes, seed):
        rows, columns = likes.nonzero()
        frame = pd.DataFrame({"user_id": rows, "item_id": columns})
        scorer.train(from_interactions_df(frame), TrainingOptions(rng=seed))
        self.scorer = scorer
        self.films = np.arange(likes.shape[1])
        self.items = ItemList(item_ids=self.films)

    def scores(self, seeds):
        return np.stack([self.ask(seeds.indices[a:b]) for a, b in zip(seeds.indptr, seeds.indptr[1:], strict=False)])

    def ask(self, columns):
        scored = self.scorer(RecQuery(user_items=ItemList(item_ids=columns)), self.items)
        if not np.array_equal(scored.ids(), self.films):
            raise ValueError("LensKit returned the films in another order")
        # It says NaN of films that it has no opinion of: they come last, not nowhere.
        found = np.asarray(scored.scores(), dtype=np.float32)
        lowest = found[~np.isnan(found)].min() if (~np.isnan(found)).any() else 0.0
        return np.where(np.isnan(found), lowest - 1.0, found)


class IALS(Fitted):
    def __init__(self, likes, genres, settings, seed):
        super().__init__(ImplicitMFScorer(**settings), likes, seed)


class EASE(Fitted):
    """Seeds times its weights, which is what the scorer does for each query, many requests at once."""

    def __init__(self, likes, genres, settings, seed):
        super().__init__(EASEScorer(**settings), likes, seed)
        self.columns = self.scorer.items.ids().astype(np.int64)

    def scores(self, seeds):
        found = np.empty(seeds.shape, dtype=np.float32)
        found[:, self.columns] = seeds[:, self.columns] @ self.scorer.weights
        return found


class ItemKNN(Fitted):
    def __init__(self, likes, genres, settings, seed):
        super().__init__(ItemKNNScorer(**settings, feedback="implicit"), likes, seed)
