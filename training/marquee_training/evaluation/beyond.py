"""What lies beyond accuracy: is the list varied, is it more than hits, does it keep to the person's genres?

One value per list unless said otherwise. Popularity is always that of the people who were fitted on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.evaluation.metrics import Hits, Values, ndcg
from marquee_training.evaluation.ranking import Lists

SKEW = 0.01
"""Steck's alpha: how much of the person's own genres is mixed into the list's, so that no logarithm is infinite."""
DISCOUNT = 0.5
"""Steck's beta: a hit weighs popularity ** -0.5 in the stratified recall."""


@dataclass(frozen=True)
class FilmFacts:
    """What the metrics know of the films.

    Attributes:
        genres: (n, g) bool.
        popularity: (n,) int32, likes among the people who were fitted on.
        n_people: How many those are.
    """

    genres: NDArray[np.bool_]
    popularity: NDArray[np.int32]
    n_people: int

    @property
    def quarters(self) -> NDArray[np.int64]:
        """(n,) int64: 0 for the most liked films that together hold a quarter of all likes, ..., 3 for the tail."""
        order = np.argsort(-self.popularity, kind="stable")
        likes = self.popularity[order].astype(np.int64)
        before = np.cumsum(likes) - likes
        result = np.empty(len(order), dtype=np.int64)
        result[order] = np.minimum(4 * before // max(int(likes.sum()), 1), 3)
        result[self.popularity == 0] = 3
        return result

    @property
    def most_liked(self) -> NDArray[np.bool_]:
        """(n,) bool: the most liked tenth of the catalogue, at least one film; the earlier one among equals."""
        result = np.zeros(len(self.popularity), dtype=np.bool_)
        result[np.argsort(-self.popularity, kind="stable")[: max(len(result) // 10, 1)]] = True
        return result


def intra_list_diversity(lists: Lists, genres: NDArray[np.bool_]) -> Values:
    """(b,): mean of 1 - Jaccard similarity of genres over the pairs of a list; NaN below two films.

    Two films without genres count as different. Ziegler et al., WWW 2005.
    """
    own = genres[lists].astype(np.float32) * (lists >= 0)[:, :, None]
    shared = own @ own.transpose(0, 2, 1)
    sizes = own.sum(axis=2)
    jaccard = shared / np.maximum(sizes[:, :, None] + sizes[:, None, :] - shared, 1)
    there = lists >= 0
    pairs = np.triu(there[:, :, None] & there[:, None, :], 1)
    counts = pairs.sum(axis=(1, 2))
    distance = ((1 - jaccard) * pairs).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(np.divide(distance, counts, out=np.full(len(lists), np.nan), where=counts > 0))


def novelty(lists: Lists, facts: FilmFacts) -> Values:
    """(b,): mean of -log2(share of people who like the film), in bits (Zhou et al., PNAS 2010).

    A film that nobody likes counts as liked by one person.
    """
    bits = np.log2(max(facts.n_people, 1)) - np.log2(np.maximum(facts.popularity, 1))
    return _mean_listed(bits[lists], lists)


def tail_share(lists: Lists, facts: FilmFacts) -> Values:
    """(b,): share of a list that is of the last quarter (see `FilmFacts.quarters`)."""
    return _mean_listed((facts.quarters == 3)[lists].astype(np.float64), lists)


def head_share(lists: Lists, facts: FilmFacts) -> Values:
    """(b,): share of a list that is of the most liked tenth of the catalogue."""
    return _mean_listed(facts.most_liked[lists].astype(np.float64), lists)


def niche(people: NDArray[np.int64], likes: sparse.csr_matrix, facts: FilmFacts) -> NDArray[np.bool_]:
    """(b,) bool: requests of people in the tail, the third whose median liked film is least popular.

    Abdollahpouri et al., "The unfairness of popularity bias in recommendation" (RMSE at RecSys 2019) group people
    by the share of hits in what they rated, and find that those with the fewest hits are served worst. The median
    needs no line between hits and other films, which would be another one in each data set.

    Args:
        people: (b,), who asks; at least a third of the people are chosen, the lower row first among equals.
        likes: (b, n) CSR of ones, all that the person likes.
        facts: Of the people who were fitted on.
    """
    asked, first = np.unique(people, return_index=True)
    medians = [np.median(facts.popularity[likes.indices[likes.indptr[row] : likes.indptr[row + 1]]]) for row in first]
    tail = asked[np.argsort(medians, kind="stable")[: -(-len(asked) // 3)]]
    return np.isin(people, tail)


def genre_divergence(lists: Lists, likes: sparse.csr_matrix, genres: NDArray[np.bool_]) -> Values:
    """(b,): KL divergence of a list's genres from those of the person's likes, 0 = the same proportions.

    H. Steck, "Calibrated recommendations", RecSys 2018: a film's genres share one unit; the list's distribution q
    becomes (1 - alpha) q + alpha p with alpha = .01, so a list without any of the genres has ln(100) = 4.6.

    Args:
        lists: (b, n).
        likes: (b, m) CSR of ones, all that the person likes.
        genres: (m, g) bool.

    Returns:
        In nats; NaN where no liked film has a genre.
    """
    shares = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)
    taste = _distribution(np.asarray(likes @ shares))
    listed = _distribution((shares[lists] * (lists >= 0)[:, :, None]).sum(axis=1))
    mixed = (1 - SKEW) * listed + SKEW * taste
    terms = taste * np.log(np.divide(taste, mixed, out=np.ones_like(taste), where=taste > 0))
    return np.where(taste.any(axis=1), terms.sum(axis=1), np.nan)


def stratified_recall(hits: Hits, lists: Lists, targets: sparse.csr_matrix, popularity: NDArray[np.int32]) -> Values:
    """(b,): weight of the hits / weight of all targets, a film's weight being its likes ** -0.5.

    H. Steck, "Item popularity and recommendation accuracy", RecSys 2011: under-reporting of unpopular films makes
    plain recall flatter the popular. A target that nobody likes weighs as much as one with one like.

    Returns:
        NaN without targets.
    """
    weights = np.maximum(popularity, 1).astype(np.float64) ** -DISCOUNT
    found = (weights[lists] * hits).sum(axis=1)
    possible = np.asarray(targets @ weights).ravel()
    return np.asarray(np.divide(found, possible, out=np.full(len(lists), np.nan), where=possible > 0))


def quarter_ndcg(hits: Hits, lists: Lists, targets: sparse.csr_matrix, facts: FilmFacts, quarter: int) -> Values:
    """(b,): NDCG that counts only the targets of one quarter of the likes; NaN where a person has none there."""
    inside = facts.quarters == quarter
    return ndcg(hits & inside[lists], np.asarray(targets @ inside.astype(np.float32)).ravel().astype(np.int64))


def _mean_listed(values: NDArray[np.float64], lists: Lists) -> Values:
    counts = (lists >= 0).sum(axis=1)
    total = (values * (lists >= 0)).sum(axis=1)
    return np.asarray(np.divide(total, counts, out=np.full(len(lists), np.nan), where=counts > 0))


def _distribution(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12), dtype=np.float64)
