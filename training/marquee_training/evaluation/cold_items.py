"""cold-items: are new films, of which only the content is known, recommended to the right people?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from marquee_training.config import TrainingConfig
from marquee_training.evaluation.cases import Cases, few_seed_cases
from marquee_training.evaluation.rounds import ByK, Question, Round, asked, tuning_cases, visible_part
from marquee_training.interactions import Fold, Interactions

COLD_MIN_LIKES = 5
"""Films with fewer likes are never held out, since hardly anybody could ask for them."""


def deal_films(everybody: Interactions, config: TrainingConfig) -> list[NDArray[np.bool_]]:
    """(n,) bool per fold: the films that are new there. A film with enough likes is new in one fold."""
    usual = np.flatnonzero(everybody.popularity >= COLD_MIN_LIKES)
    order = np.random.default_rng(config.seed + 7).permutation(usual)
    parts = []
    for part in np.array_split(order, config.eval_folds):
        new = np.zeros(everybody.n_movies, dtype=np.bool_)
        new[part] = True
        parts.append(new)
    return parts


def cold_round(
    config: TrainingConfig,
    everybody: Interactions,
    fold: Fold,
    new: NDArray[np.bool_],
    seed_counts: Sequence[int],
    name: str,
) -> Round:
    """Hold out people and films: the seeds are old films, the targets the new films that the person likes.

    People with more old likes than the largest k, and at least one new one. Equally scored films come in a random
    order of each request's own: an id tells how long MovieLens has had a film, and rows that know nothing of new
    films must not gain by it.
    """
    without = remove_films(everybody, new)
    visible, train, validation = visible_part(without, fold)
    able = fold.test[
        (without.n_liked[fold.test] > max(seed_counts))
        & (np.asarray(everybody.likes[fold.test].sum(axis=1)).ravel() > without.n_liked[fold.test])
    ]
    tests: ByK = {}
    for k in seed_counts:
        drawn = few_seed_cases(
            without,
            able,
            k,
            min_positives=max(seed_counts) + 1,
            draws=config.eval_draws,
            seed=config.seed + 8,
            max_people=config.eval_max_people,
        )
        targets = everybody.likes[drawn.people].multiply(new.astype(np.float32)).tocsr()
        targets.eliminate_zeros()
        targets.sort_indices()
        tests[k] = Cases(drawn.people, drawn.seeds, targets)
    question = Question(
        "cold-items",
        asked(tests, config),
        tuning_cases(config, visible, validation, seed_counts),
        shelf=new,
        ties=config.seed + 9,
    )
    return Round(name, visible, train, validation, (question,))


def remove_films(interactions: Interactions, films: NDArray[np.bool_]) -> Interactions:
    """The same people and catalogue, without any rating of some films."""

    def without(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        left = matrix.copy()
        left.data[films[left.indices]] = 0
        left.eliminate_zeros()
        return left

    return Interactions(
        interactions.user_ids, interactions.movie_ids, without(interactions.ratings), without(interactions.likes)
    )
