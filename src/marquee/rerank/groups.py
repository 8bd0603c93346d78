"""One list for several tastes, those of several people or the interests of one: each gets its share.

Each taste's utility of a list is the number of its films that this taste is expected to like, and the list is built
for the largest product of these numbers (Nash welfare). The product doesn't care in what unit a taste counts, so nobody
gains by being easy to please, and whoever has got little so far counts the most. I. Caragiannis et al., "The
unreasonable fairness of maximum Nash welfare", EC 2016; greedy selection for groups as in M. Kaya, D. Bridge and
N. Tintarev, "Ensuring fairness in group recommendations by rank-sensitive balancing of relevance", RecSys 2020.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from marquee.api.contracts import RecommendationRequest
from marquee.bundle.bundle import Bundle
from marquee.models import Array, LogOdds, Rows
from marquee.rerank.mmr import Likeness, greedy
from marquee.rerank.ranker import Blend, Ranking, lambda_mmr, likeness, log_odds, score
from marquee.rerank.rules import NO_RULES, Rules
from marquee.retrieval.ladder import Pool, widen
from marquee.retrieval.taste import Taste, make_taste

# A taste's utility of the empty list, in parts of what its best film is worth: else the first film would have to please
# everybody a little, and who is hard to please would decide alone.
HEAD_START = 0.5
MAX_INTERESTS = 4
# Two clusters of films are joined while their mean likeness is at least this.
LEAST_LIKENESS = 0.15


def rank_together(
    bundle: Bundle,
    people: Sequence[tuple[Taste, Pool]],
    interests: Sequence[tuple[Taste, Pool]],
    request: RecommendationRequest,
    rules: Rules,
) -> list[Ranking]:
    """Pick films for several people, or for the several interests of one person.

    The answer gives the scores of `people`; `interests` are those of the only person, empty where each person's taste
    is to get its share. Returns one ranking per person, all of the same films in the same order.
    """
    widened = [(taste, rules.widened(bundle, taste, pool)) for taste, pool in people]
    rows, rankings = score_alike(bundle, [*widened, *interests], request.novelty, rules)
    described, voters = rankings[: len(people)], rankings[len(people) :] or rankings
    picked = fair_picks(
        np.stack([liking(bundle, voter, voter.order) for voter in voters]),
        likeness(bundle, rows),
        n=request.top_n,
        lam=lambda_mmr(bundle, request.diversity),
        limits=rules.limits(rows),
        first=rules.first(rows),
    )
    positions = [np.argsort(ranking.pool.rows) for ranking in described]
    by_fit = request.sort == "fit"
    each = [liking(bundle, ranking, ranking.order if by_fit else ranking.probable) for ranking in described]
    if interests:
        reasons = [reason for ranking in rankings for reason in ranking.pool.degraded]
        described[0].pool.degraded = list(dict.fromkeys(reasons))
    worth = np.mean(each, axis=0)
    shown = rules.placed(picked[np.lexsort((picked, -worth[picked]))], rows)
    return [
        replace(ranking, picked=at[picked], shown=at[shown]) for ranking, at in zip(described, positions, strict=True)
    ]


def score_alike(
    bundle: Bundle, tastes: Sequence[tuple[Taste, Pool]], novelty: float = 0.0, rules: Rules = NO_RULES
) -> tuple[Rows, list[Ranking]]:
    """Every taste's scores of the candidates that any taste found; and their sorted rows."""
    rows = np.unique(np.concatenate([pool.rows for _, pool in tastes]))
    return rows, [
        score(bundle, taste, widen(bundle, taste, pool, np.setdiff1d(rows, pool.rows)), novelty, rules)
        for taste, pool in tastes
    ]


def liking(bundle: Bundle, ranking: Ranking, blend: Blend) -> LogOdds:
    """(m,) float64 in (0, 1): a blend of a ranking by the curve that makes probabilities of it; by ascending rows."""
    by_row = np.argsort(ranking.pool.rows)
    return np.asarray(1.0 / (1.0 + np.exp(-log_odds(bundle, ranking.pool.rung, blend.score)[by_row])))


def fair_picks(liking: LogOdds, likeness: Likeness, *, n: int, lam: float, **options: Any) -> Rows:
    """Pick n of m candidates for p tastes: the greedy maximum of the Nash product.

    `liking` is (p, m) float64 in (0, 1), the probability that each taste likes each candidate; the rest is as for
    `marquee.rerank.mmr.greedy`. Returns (k,) int64 positions in the order of picking, k <= min(n, m).
    """
    if liking.shape[1] == 0:
        return np.empty(0, dtype=np.int64)
    start = HEAD_START * liking.max(axis=1, keepdims=True)

    def gain(picked: Rows) -> Array:
        has = start + liking[:, picked].sum(axis=1, keepdims=True)
        grown = np.log1p(liking / has).sum(axis=0)
        return np.asarray(grown / grown.max(), dtype=np.float32)

    return greedy(gain, likeness, n=n, lam=lam, **options)


def split_interests(bundle: Bundle, taste: Taste) -> list[Taste]:
    """A taste for each interest that the seeds show; none where they show one."""
    if len(taste.seeds) < 2:
        return []
    seeds = sorted(taste.seeds)  # nothing may depend on the order in which they were given
    clusters = cluster(likeness(bundle, np.asarray(seeds, dtype=np.int64)).matrix(), seeds)
    if len(clusters) < 2:
        return []
    return [make_taste(bundle, own, taste.where, taste.allowed, dislikes=taste.dislikes) for own in clusters]


def cluster(alike: Array, seeds: Sequence[int]) -> list[list[int]]:
    """Average-linkage clusters of k seeds, at most MAX_INTERESTS, those with the most seeds first; `alike` is (k, k).

    As in A. Pal et al., "PinnerSage: multi-modal user embeddings for recommendations at Pinterest", KDD 2020 (which
    clusters with Ward's linkage): a person is several interests, and their mean can be none of them.
    """
    clusters = [[index] for index in range(len(seeds))]
    between = alike.astype(np.float64)
    np.fill_diagonal(between, -np.inf)
    while len(clusters) > 1:
        first, second = sorted(int(at) for at in np.unravel_index(int(np.argmax(between)), between.shape))
        if between[first, second] < LEAST_LIKENESS and len(clusters) <= MAX_INTERESTS:
            break
        sizes = len(clusters[first]), len(clusters[second])
        joined = (sizes[0] * between[first] + sizes[1] * between[second]) / sum(sizes)
        between[first], between[:, first] = joined, joined
        between[first, first] = -np.inf
        between = np.delete(np.delete(between, second, axis=0), second, axis=1)
        clusters[first] += clusters.pop(second)
    clusters.sort(key=lambda members: (-len(members), min(members)))
    return [[seeds[index] for index in sorted(members)] for members in clusters]
