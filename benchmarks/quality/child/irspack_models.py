"""irspack's models. Each: (likes CSR, genres, settings, seed) fits; `scores` takes (b, n) seeds, gives (b, n)."""

from irspack.recommenders import DenseSLIMRecommender, EDLAERecommender, IALSRecommender


class Fitted:
    """New people are the library's own `get_score_cold_user`."""

    def __init__(self, recommender):
        self.recommender = recommender.learn()

    def scores(self, seeds):
        return self.recommender.get_score_cold_user(seeds)


class IALS(Fitted):
    def __init__(self, likes, genres, settings, seed):
        super().__init__(IALSRecommender(likes, **settings, random_seed=seed, n_threads=1))


class EASE(Fitted):
    def __init__(self, likes, genres, settings, seed):
        super().__init__(DenseSLIMRecommender(likes, **settings))


class EDLAE(Fitted):
    def __init__(self, likes, genres, settings, seed):
        super().__init__(EDLAERecommender(likes, **settings))
