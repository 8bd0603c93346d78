"""What a library looks like from the child's side: numpy and scipy alone."""

import sys
from pathlib import Path

import numpy as np


class Popular:
    """The most liked films; a weight below 0 turns the order around."""

    def __init__(self, likes, genres, settings, seed):
        assert not any(name.split(".")[0] in {"marquee", "benchmarks"} for name in sys.modules)
        assert not {"pandas", "pydantic", "torch"} & sys.modules.keys()
        assert genres.shape[0] == likes.shape[1]
        assert seed == 1
        with Path("fits").open("a", encoding="utf-8") as log:  # in the scratch folder: how often it was run
            log.write("x")
        self.popularity = settings["weight"] * np.asarray(likes.sum(axis=0)).ravel()

    def scores(self, seeds):
        assert (np.diff(seeds.indptr) > 0).all()
        return np.tile(self.popularity, (seeds.shape[0], 1))


class Broken:
    def __init__(self, likes, genres, settings, seed):
        raise RuntimeError("no such factorisation")


class NotANumber(Popular):
    def scores(self, seeds):
        return super().scores(seeds) * np.nan
