"""What the pipeline's steps hand to each other."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from marquee.models.opinion import Opinion
from marquee.models.weights import Rung
from marquee.rerank.blend import Blend
from marquee.retrieval.port import Where

Rows = NDArray[np.int64]
Array = NDArray[np.float32]


@dataclass
class Taste:
    """A request's films as rows of the catalogue."""

    seeds: list[int]
    dislikes: list[int]
    where: Where
    unknown: list[int]
    opinion: Opinion | None


@dataclass(frozen=True)
class Dials:
    """How the films to show are picked: `top_n`, `diversity` and `novelty` of a request."""

    top_n: int
    diversity: float | None = None
    novelty: float = 0.0


@dataclass
class Pool:
    """Candidates, and how they were found.

    Attributes:
        rung: What found them.
        rows: (m,) int64 rows of the catalogue.
        tower_scores: (m,) float32, on the highest rung only.
        degraded: Why it isn't the highest rung, or not as it should be.
        n_added: So many, at the end, were not found by retrieval for this taste.
        n_own: So many, at the beginning, this taste's own request found; None: all.
    """

    rung: Rung
    rows: Rows
    tower_scores: Array | None = None
    degraded: list[str] = field(default_factory=list)
    n_added: int = 0
    n_own: int | None = None


@dataclass
class Steps:
    """What each step of a request came to; m candidates, n of them shown.

    Attributes:
        taste: The request's films.
        pool: The candidates.
        blended: Their scores.
        picked: (n,) int64 positions in the pool, in the order in which MMR took them.
        shown: (n,) int64, the same in the order of the answer.
        n_asked: `top_n` of the request.
        retrieved: When the candidates were there, on the clock of `time.perf_counter`.
    """

    taste: Taste
    pool: Pool
    blended: Blend
    picked: Rows
    shown: Rows
    n_asked: int
    retrieved: float

    @property
    def degraded(self) -> list[str]:
        """Why the answer is less than was asked for."""
        short = ["fewer_films_than_asked"] if len(self.shown) < self.n_asked else []
        return self.pool.degraded + short


def affinity(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) float64 in [0, 1], rounded as answers have it, of k films' calibrated log-odds."""
    return np.asarray(np.round(1.0 / (1.0 + np.exp(-log_odds)), 4), dtype=np.float64)
