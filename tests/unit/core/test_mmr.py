"""MMR against its definition, and its limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.rerank.mmr import Likeness, mmr


def candidates(m, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(m, 6)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    genres = (rng.random((m, 5)) < 0.4).astype(np.float32)
    return rng.normal(size=m).astype(np.float32), genres, vectors


def alike(genres, vectors, genre_weight=0.6):
    return lambda rows: Likeness(genres[rows], vectors[rows], genre_weight)


def by_definition(relevance, genres, vectors, n, lam, genre_weight):
    """argmax of lam * relevance - (1 - lam) * max similarity to what is picked, written out."""
    scaled = (relevance - relevance.min()) / (relevance.max() - relevance.min())
    picked = [int(np.argmax(scaled))]
    while len(picked) < n:
        values = []
        for i in range(len(relevance)):
            likeness = []
            for j in picked:
                either = np.maximum(genres[i], genres[j]).sum()
                jaccard = np.minimum(genres[i], genres[j]).sum() / either if either else 0.0
                likeness.append(genre_weight * jaccard + (1 - genre_weight) * float(vectors[i] @ vectors[j]))
            values.append(-np.inf if i in picked else lam * scaled[i] - (1 - lam) * max(likeness))
        picked.append(int(np.argmax(values)))
    return picked


@pytest.mark.parametrize("lam", [0.0, 0.3, 0.8, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_picks_what_the_definition_picks(lam, seed):
    relevance, genres, vectors = candidates(150, seed)
    got = mmr(relevance, alike(genres, vectors), n=10, lam=lam)
    assert got.tolist() == by_definition(relevance, genres, vectors, 10, lam, 0.6)


def test_lambda_one_is_the_order_of_relevance():
    relevance, genres, vectors = candidates(40)
    got = mmr(relevance, alike(genres, vectors), n=12, lam=1.0)
    assert got.tolist() == np.argsort(-relevance, kind="stable")[:12].tolist()


def test_lower_lambda_spreads_the_genres():
    relevance, genres, vectors = candidates(200, seed=3)

    def spread(lam):
        rows = genres[mmr(relevance, alike(genres, vectors, 1.0), n=10, lam=lam)]
        shared = rows @ rows.T
        return 1 - (shared / np.maximum(np.add.outer(rows.sum(1), rows.sum(1)) - shared, 1)).mean()

    assert spread(0.2) > spread(1.0)


@given(m=st.integers(0, 40), n=st.integers(1, 60), lam=st.floats(0, 1), scale=st.floats(1e-3, 1e3))
@settings(max_examples=200, deadline=None)
def test_picks_are_unique_and_as_many_as_can_be(m, n, lam, scale):
    relevance, genres, vectors = candidates(m, seed=m)
    got = mmr(relevance * np.float32(scale), alike(genres, vectors), n=n, lam=lam)
    assert len(got) == len(set(got.tolist())) == min(n, m)


def test_equal_relevance_is_no_division_by_zero():
    _, genres, vectors = candidates(8)
    got = mmr(np.ones(8, dtype=np.float32), alike(genres, vectors), n=8, lam=0.5)
    assert sorted(got.tolist()) == list(range(8))
