"""Explanations of recommended films: what each seed adds, in log-odds that sum exactly to the film's.

The item-item score is a sum over seeds as it stands. The Two-Tower's is not (its user tower has a tanh), so its
difference from the score without any seed is shared out by Shapley values (L. Shapley 1953), which always sum to
that difference: exact over all subsets up to EXACT_SEEDS seeds, over fixed permutations above.
"""

from math import factorial

import numpy as np

from marquee.api.contracts import Explanation, SeedContribution
from marquee.bundle.bundle import Bundle
from marquee.models import Array, LogOdds, Rows
from marquee.models.two_tower import TwoTower
from marquee.rerank.ranker import Ranking

EXACT_SEEDS = 8
PERMUTATIONS = 32


def explain(bundle: Bundle, ranking: Ranking, log_odds: LogOdds) -> list[Explanation]:
    """An account of each film that is shown, given their (n,) log-odds."""
    catalog, item_cf, seeds = bundle.catalog, bundle.item_cf, ranking.taste.seeds
    slope = bundle.rerank.calibration[ranking.pool.rung].slope
    blend = ranking.probable
    rows = ranking.pool.rows[ranking.shown]
    shares = np.zeros((len(seeds), len(rows)))
    if unit := blend.units.get("tower"):
        shares += slope * unit * shapley(bundle.two_tower, seeds, rows)
    if unit := blend.units.get("item_cf"):
        shares += slope * unit * item_cf.contributions(seeds, rows)
    if item_cf.history and (unit := blend.units.get("history")):
        shares += slope * unit * item_cf.history.contributions(seeds, rows)
    accounts, pinned = [], {row for _, row in ranking.rules.pins}
    for column, position in enumerate(ranking.shown):
        because = [
            SeedContribution(
                movie_id=int(catalog.movie_ids[seed]),
                item_id=catalog.item_id(seed),
                title=catalog.titles[seed],
                contribution=round(float(share), 4),
            )
            for seed, share in zip(seeds, shares[:, column], strict=True)
        ]
        because.sort(key=lambda entry: (-entry.contribution, entry.movie_id))
        terms = {
            name: round(slope * float(blend.terms[name][position]), 4)
            for name in ("genre", "year", "popularity", "dislikes")
        }
        score = round(float(log_odds[column]), 4)
        # The rest is what the models say of the film whoever asks: biases, and averages over the catalogue.
        prior = round(score - (sum(entry.contribution for entry in because) + sum(terms.values())), 4)
        boost = 0.0 if ranking.rules.boost is None else float(ranking.rules.boost[rows[column]])
        rules = {"boost": boost or None, "pinned": int(rows[column]) in pinned or None}
        accounts.append(Explanation(score=score, because=because, terms={"prior": prior, **terms}, **rules))
    return accounts


def shapley(tower: TwoTower, seeds: list[int], rows: Rows) -> LogOdds:
    """(k, m) float64: each of k seeds' share of the tower's score of each of m films, over that of no seed."""
    targets = tower.item_vectors[rows].astype(np.float64)
    vectors = tower.seed_vectors[seeds]
    if len(seeds) <= EXACT_SEEDS:
        return _over_subsets(tower, vectors, targets)
    return _over_permutations(tower, vectors, targets)


def _over_subsets(tower: TwoTower, vectors: Array, targets: LogOdds) -> LogOdds:
    k = len(vectors)
    codes = np.arange(2**k)
    member = (codes[:, None] >> np.arange(k)) & 1
    sizes = member.sum(axis=1)
    users = tower.encode_sums(member.astype(np.float32) @ vectors, sizes.astype(np.float32))
    value = users.astype(np.float64) @ targets.T
    weight = np.array([factorial(s) * factorial(k - s - 1) / factorial(k) for s in range(k)])
    shares = np.empty((k, len(targets)))
    for seed in range(k):
        without = codes[member[:, seed] == 0]
        shares[seed] = weight[sizes[without]] @ (value[without + (1 << seed)] - value[without])
    return shares


def _over_permutations(tower: TwoTower, vectors: Array, targets: LogOdds) -> LogOdds:
    k = len(vectors)
    rng = np.random.default_rng(0)  # fixed: the same request gets the same account
    shares = np.zeros((k, len(targets)))
    sizes = np.arange(k + 1, dtype=np.float32)
    for _ in range(PERMUTATIONS):
        forward = rng.permutation(k)
        for order in (forward, forward[::-1]):  # antithetic pairs halve the variance for free
            sums = np.concatenate([np.zeros_like(vectors[:1]), np.cumsum(vectors[order], axis=0)])
            value = tower.encode_sums(sums, sizes).astype(np.float64) @ targets.T
            shares[order] += np.diff(value, axis=0)
    return shares / (2 * PERMUTATIONS)
