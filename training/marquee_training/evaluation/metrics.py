"""Metrics of lists: one value per request. Accuracy has binary gains; popularity is that of the people fitted on."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.evaluation.cases import Cases
from marquee_training.evaluation.ranking import Lists, Recommend, hits_of

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Values = NDArray[np.float64]

RESAMPLES = 1000
HITS = 25
SKEW = 0.01
"""Steck's alpha: share of the person's own genres mixed into the list's, so that no logarithm is infinite."""
DISCOUNT = 0.5
"""Steck's beta: a hit weighs popularity ** -0.5 in the stratified recall."""


def ndcg(hits: Hits, n_targets: Counts) -> Values:
    """(b,): normalised discounted cumulative gain of (b, n) hits; NaN without targets.

    Discount 1 / log2(place + 1), divided by the best that a list of n can reach (Jarvelin and Kekalainen 2002).
    """
    gains = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
    best = np.concatenate([[np.nan], np.cumsum(gains)])[np.minimum(n_targets, hits.shape[1])]
    return np.asarray((hits @ gains) / best, dtype=np.float64)


def recall(hits: Hits, n_targets: Counts) -> Values:
    """(b,): hits / min(n, targets), so that a full list of targets is 1 (Liang et al. 2018); NaN without targets."""
    possible = np.where(n_targets > 0, np.minimum(n_targets, hits.shape[1]), np.nan)
    return np.asarray(hits.sum(axis=1) / possible, dtype=np.float64)


def mrr(hits: Hits) -> Values:
    """(b,): reciprocal rank of the first hit, 0 without one."""
    return np.asarray(np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0), dtype=np.float64)


def mean_ndcg(recommend: Recommend, cases: Cases, n: int = 10) -> Values:
    """(p,): each person's mean NDCG@n over their requests, in the order of `cases.unique_people`."""
    (lists,) = recommend(cases.seeds, (n,))
    return cases.per_person(ndcg(hits_of(lists, cases.targets), cases.n_targets))


def popularity_quarters(popularity: NDArray[np.int32]) -> NDArray[np.int64]:
    """(n,) int64: 0 for the most liked films that together hold a quarter of all likes, ..., 3 for the tail."""
    order = np.argsort(-popularity, kind="stable")
    likes = popularity[order].astype(np.int64)
    before = np.cumsum(likes) - likes
    result = np.empty(len(order), dtype=np.int64)
    result[order] = np.minimum(4 * before // max(int(likes.sum()), 1), 3)
    result[popularity == 0] = 3
    return result


def most_liked(popularity: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) bool: the most liked tenth of the catalogue, at least one film; the earlier one among equals."""
    result = np.zeros(len(popularity), dtype=np.bool_)
    result[np.argsort(-popularity, kind="stable")[: max(len(result) // 10, 1)]] = True
    return result


def intra_list_diversity(lists: Lists, genres: NDArray[np.bool_]) -> Values:
    """(b,): mean of 1 - Jaccard similarity of genres over the pairs of a list; NaN below two films.

    Two films without genres count as different. Ziegler et al., WWW 2005.
    """
    there = lists >= 0
    own = genres[lists].astype(np.float32) * there[:, :, None]
    shared = own @ own.transpose(0, 2, 1)
    sizes = own.sum(axis=2)
    jaccard = shared / np.maximum(sizes[:, :, None] + sizes[:, None, :] - shared, 1)
    pairs = np.triu(there[:, :, None] & there[:, None, :], 1)
    counts = pairs.sum(axis=(1, 2))
    distance = ((1 - jaccard) * pairs).sum(axis=(1, 2), dtype=np.float64)
    return np.asarray(np.divide(distance, counts, out=np.full(len(lists), np.nan), where=counts > 0))


def novelty(lists: Lists, popularity: NDArray[np.int32], n_people: int) -> Values:
    """(b,): mean of -log2(share of people who like the film), in bits (Zhou et al., PNAS 2010).

    A film without likes counts as liked by one person.
    """
    return share_listed(lists, np.log2(max(n_people, 1)) - np.log2(np.maximum(popularity, 1)))


def share_listed(lists: Lists, values: NDArray[np.float64] | NDArray[np.bool_]) -> Values:
    """(b,): mean of a film's value, (n,), over each list; of a bool, the share of the list that has it."""
    counts = (lists >= 0).sum(axis=1)
    total = (values[lists].astype(np.float64) * (lists >= 0)).sum(axis=1)
    return np.asarray(np.divide(total, counts, out=np.full(len(lists), np.nan), where=counts > 0))


def hits_share(lists: Lists, targets: sparse.csr_matrix, popularity: NDArray[np.int32]) -> Values:
    """(b,): share of each list that is among the HITS most liked films and is no target: shown for fame alone."""
    famous = np.zeros(len(popularity), dtype=np.bool_)
    famous[np.argsort(-popularity, kind="stable")[:HITS]] = True
    return np.asarray((famous[lists] & (lists >= 0) & ~hits_of(lists, targets)).mean(axis=1), dtype=np.float64)


def personalisation(shown: NDArray[np.int64], length: int) -> float:
    """1 - the mean overlap of two different lists of this length, given in how many lists each film is, (n,)."""
    n_lists = shown.sum() / length
    pairs = n_lists * (n_lists - 1)
    return float(1 - (shown * (shown - 1.0)).sum() / (pairs * length)) if pairs > 0 else 1.0


def niche(people: NDArray[np.int64], likes: sparse.csr_matrix, popularity: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(b,) bool: requests of the third of the people whose median liked film is least popular.

    Abdollahpouri et al., "The unfairness of popularity bias in recommendation" (RMSE at RecSys 2019), group people by
    the share of hits that they rated; the median needs no threshold for hits, which would differ between data sets.
    `likes`, (b, n), holds all likes of each request's person; the lower row is chosen first among equals.
    """
    unique, first = np.unique(people, return_index=True)
    medians = [np.median(popularity[likes.indices[likes.indptr[row] : likes.indptr[row + 1]]]) for row in first]
    return np.isin(people, unique[np.argsort(medians, kind="stable")[: -(-len(unique) // 3)]])


def genre_divergence(lists: Lists, likes: sparse.csr_matrix, genres: NDArray[np.bool_]) -> Values:
    """(b,): KL divergence of a list's genres from those of the person's likes, (b, m) CSR of ones, in nats.

    H. Steck, "Calibrated recommendations", RecSys 2018: a film's genres share one unit; the list's distribution q
    becomes (1 - alpha) q + alpha p with alpha = .01, so a list without any of the genres has ln(100) = 4.6, and one of
    the same proportions 0. NaN where no liked film has a genre.
    """
    shares = genres / np.maximum(genres.sum(axis=1, keepdims=True), 1)
    taste = _distribution(np.asarray(likes @ shares))
    listed = _distribution((shares[lists] * (lists >= 0)[:, :, None]).sum(axis=1))
    mixed = (1 - SKEW) * listed + SKEW * taste
    terms = taste * np.log(np.divide(taste, mixed, out=np.ones_like(taste), where=taste > 0))
    return np.where(taste.any(axis=1), terms.sum(axis=1), np.nan)


def _distribution(mass: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(mass / np.maximum(mass.sum(axis=1, keepdims=True), 1e-12), dtype=np.float64)


def stratified_recall(hits: Hits, lists: Lists, targets: sparse.csr_matrix, popularity: NDArray[np.int32]) -> Values:
    """(b,): weight of the hits / weight of all targets, a film's weight being its likes ** -0.5; NaN without targets.

    H. Steck, "Item popularity and recommendation accuracy", RecSys 2011: under-reporting of unpopular films makes
    plain recall flatter the popular. A target without likes weighs as much as one with one like.
    """
    weights = np.maximum(popularity, 1).astype(np.float64) ** -DISCOUNT
    found = (weights[lists] * hits).sum(axis=1)
    possible = np.asarray(targets @ weights).ravel()
    return np.asarray(np.divide(found, possible, out=np.full(len(lists), np.nan), where=possible > 0))


def ndcg_within(hits: Hits, lists: Lists, targets: sparse.csr_matrix, inside: NDArray[np.bool_]) -> Values:
    """(b,): NDCG that counts only the targets among some films, (n,) bool; NaN where a request has none there."""
    return ndcg(hits & inside[lists], np.asarray(targets @ inside.astype(np.float32)).ravel().astype(np.int64))


def ci95(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean over people: percentile bootstrap (Efron 1979).

    All means over the same number of people share their resamples, so differences between rows are paired. A NaN, for
    people without a value, counts in no mean; both bounds are NaN where nobody has a value.
    """
    known = ~np.isnan(values)
    if not known.any():
        return float("nan"), float("nan")
    counts = _resamples(len(values), seed)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (counts @ np.where(known, values, 0.0)) / (counts @ known.astype(np.float64))
    low, high = np.nanpercentile(means, [2.5, 97.5])
    return float(low), float(high)


@lru_cache(maxsize=4)
def _resamples(n: int, seed: int) -> NDArray[np.float32]:
    """(RESAMPLES, n): how often each person is drawn."""
    rng = np.random.default_rng(seed)
    return np.stack([np.bincount(rng.integers(0, n, n), minlength=n).astype(np.float32) for _ in range(RESAMPLES)])


def rounded_ci95(values: Values) -> list[float]:
    """`ci95` with four decimals, for JSON."""
    return [round(bound, 4) for bound in ci95(values)]


def known_mean(values: Values) -> float:
    """Mean of the people who have a value; NaN where nobody has."""
    return float("nan") if np.isnan(values).all() else float(np.nanmean(values))


def rounded_mean(values: Values) -> dict[str, Any]:
    """Mean and 95 % interval with four decimals, for JSON."""
    return {"mean": round(known_mean(values), 4), "ci95": rounded_ci95(values)}
