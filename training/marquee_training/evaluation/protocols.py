"""The evaluation protocols: which people and films are fitted on, and which requests test the models.

few-seeds and holdout split people at random; temporal splits them by time; cold-items also holds out films; tastes asks
for lists of films instead of people.
docs/quality.md defines them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from marquee.errors import ConfigError, DataError
from marquee.models.two_tower import TwoTower
from marquee_training.config import TrainingConfig
from marquee_training.data.dataset import Dataset
from marquee_training.evaluation import tastes
from marquee_training.evaluation.cases import Cases, few_seed_cases, holdout_cases, main_k, pack
from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.ranking import by_scores, tower_scores
from marquee_training.interactions import Fold, Interactions, build_interactions, is_like, split_people

PROTOCOLS = ("few-seeds", "holdout", "temporal", "cold-items", "tastes")
TUNING_DRAWS = 10
"""There are few validation people: more draws of their seeds make choices by them less random."""
LATE_SHARE = 0.2
"""temporal: about this share of the people, those who came last, is tested on."""
COLD_MIN_LIKES = 5
"""cold-items: films with fewer likes are never held out, since hardly anybody could be tested on them."""

ByK = dict[int | None, Cases]
"""Requests by their number of seeds; None where a share of the likes is shown."""


@dataclass(frozen=True)
class Question:
    """A protocol's requests in one round: of people no model was fitted on, and of those who tune baselines.

    Attributes:
        depth: n of the NDCG@n that baselines are tuned by.
        shelf: (n,) bool, the new films (cold-items); None elsewhere.
        ties: Random seed that orders equal scores anew for each request; None = the lower id first.
    """

    protocol: str
    tests: ByK
    validations: ByK
    depth: int = 10
    shelf: NDArray[np.bool_] | None = None
    ties: int | None = None


@dataclass(frozen=True)
class Round:
    """One fit of every model, and the protocols that it is tested by.

    `visible` is all that any fit may see, without the test people. Rows of it are fitted on (`train`), others
    (`validation`) decide on early stopping and the baselines' settings.
    """

    name: str
    visible: Interactions
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    questions: tuple[Question, ...]

    @property
    def fitted_on(self) -> Interactions:
        """The ratings of the people who are fitted on."""
        return self.visible.select(self.train)


def rounds_of(
    dataset: Dataset, config: TrainingConfig, protocols: Sequence[str], seed_counts: Sequence[int]
) -> Iterator[Round]:
    """The rounds of some protocols. few-seeds and holdout share their folds, and so their fits.

    Raises:
        ConfigError: An unknown protocol, or as many seeds as the test people have likes.
        DataError: No held-out person can be tested.
    """
    if unknown := [name for name in protocols if name not in PROTOCOLS]:
        raise ConfigError(f"no protocol is called {unknown[0]!r}", fix=f"use one of {', '.join(PROTOCOLS)}")
    if max(seed_counts) >= config.eval_min_positives or min(seed_counts) < 1:
        raise ConfigError(
            f"seeds {','.join(map(str, seed_counts))}: test people have at least {config.eval_min_positives} likes "
            "(eval_min_positives), and some of these must be left as targets",
            fix="give numbers from 1, below eval_min_positives in the configuration",
        )
    everybody = build_interactions(dataset, config.positive_rating)
    folds = split_people(len(everybody.user_ids), config.eval_folds, config.validation_share, config.seed)
    names = [f"{number}/{config.eval_folds_run}" for number in range(1, config.eval_folds_run + 1)]
    split = tuple(name for name in ("few-seeds", "holdout") if name in protocols)
    if split:
        for fold, name in zip(folds, names, strict=False):
            yield split_round(config, everybody, fold, split, seed_counts, f"fold {name}")
    if "temporal" in protocols:
        yield temporal_round(dataset, config, seed_counts)
    if "cold-items" in protocols:
        for fold, new, name in zip(folds, deal_films(everybody, config), names, strict=False):
            yield cold_round(config, everybody, fold, new, seed_counts, f"new films {name}")
    if "tastes" in protocols:
        yield tastes_round(dataset, config, everybody)


def few_seeds(
    config: TrainingConfig, interactions: Interactions, people: NDArray[np.int64], k: int, draws: int, offset: int
) -> Cases:
    """`few_seed_cases` by the configuration; `offset` separates the random numbers of different uses."""
    return few_seed_cases(
        interactions,
        people,
        k,
        min_positives=config.eval_min_positives,
        draws=draws,
        seed=config.seed + offset,
        max_people=config.eval_max_people,
    )


def validation_ndcg(
    config: TrainingConfig, interactions: Interactions, people: NDArray[np.int64]
) -> Callable[[TwoTower], float] | None:
    """The metric of early stopping: a tower's NDCG@10 at `main_k` seeds on validation people; None without requests."""
    cases = few_seeds(config, interactions, people, main_k(config.eval_min_positives), TUNING_DRAWS, 1)
    return (lambda tower: float(mean_ndcg(by_scores(tower_scores(tower)), cases).mean())) if len(cases) else None


def require_cases(tests: ByK, config: TrainingConfig) -> ByK:
    """The same requests; a DataError where there is none for some number of seeds."""
    if not all(len(cases) for cases in tests.values()):
        raise DataError(
            f"no held-out person has {config.eval_min_positives} likes (for cold-items, a new film among them), "
            "so there is nothing to test on",
            fix="give more ratings, or lower eval_min_positives in the configuration",
        )
    return tests


def _visible_part(everybody: Interactions, fold: Fold) -> tuple[Interactions, NDArray[np.int64], NDArray[np.int64]]:
    """Everybody but the fold's test people, and the rows of its training and validation people there."""
    kept = np.sort(np.concatenate([fold.train, fold.validation]))
    return everybody.select(kept), np.searchsorted(kept, fold.train), np.searchsorted(kept, fold.validation)


def split_round(
    config: TrainingConfig,
    everybody: Interactions,
    fold: Fold,
    protocols: Sequence[str],
    seed_counts: Sequence[int],
    name: str,
) -> Round:
    """One random split by people: few-seeds, holdout, or both."""
    visible, train, validation = _visible_part(everybody, fold)
    questions = []
    if "few-seeds" in protocols:
        tests: ByK = {k: few_seeds(config, everybody, fold.test, k, config.eval_draws, 2) for k in seed_counts}
        tuning: ByK = {k: few_seeds(config, visible, validation, k, TUNING_DRAWS, 5) for k in seed_counts}
        questions.append(Question("few-seeds", require_cases(tests, config), tuning))
    if "holdout" in protocols:
        most = config.eval_max_people
        test = holdout_cases(everybody, fold.test, draws=config.eval_draws, seed=config.seed + 6, max_people=most)
        tune = holdout_cases(visible, validation, draws=TUNING_DRAWS, seed=config.seed + 5, max_people=most)
        questions.append(Question("holdout", require_cases({None: test}, config), {None: tune}, depth=100))
    return Round(name, visible, train, validation, tuple(questions))


def temporal_round(dataset: Dataset, config: TrainingConfig, seed_counts: Sequence[int]) -> Round:
    """Fit on ratings before T, test on the people whose first rating is at T or later.

    T is the first rating of the earliest of the last LATE_SHARE of the people to come. Seeds are a person's
    earliest k likes, targets all later ones. People who came before T are fitted on with what they rated before T.
    """
    ratings = dataset.ratings
    first = ratings.groupby("user_id")["timestamp"].transform("min")
    firsts = np.sort(ratings.groupby("user_id")["timestamp"].min().to_numpy())
    cut = firsts[min(int(np.ceil(len(firsts) * (1 - LATE_SHARE))), len(firsts) - 1)]
    early = replace(dataset, ratings=ratings[ratings["timestamp"] < cut])
    if not len(early.ratings):
        raise DataError(
            "the first ratings of all people have the same time, or none, so they can't be split by time",
            fix="use another protocol, or give times in the column timestamp",
        )
    visible = build_interactions(early, config.positive_rating)
    train, validation = _split_off(visible, config)
    late = ratings[(first >= cut) & is_like(ratings, config.positive_rating)]
    tests: ByK = {k: earliest_cases(late, visible.movie_ids, k, config.eval_min_positives) for k in seed_counts}
    tuning: ByK = {k: few_seeds(config, visible, validation, k, TUNING_DRAWS, 5) for k in seed_counts}
    return Round("temporal", visible, train, validation, (Question("temporal", require_cases(tests, config), tuning),))


def tastes_round(dataset: Dataset, config: TrainingConfig, everybody: Interactions) -> Round:
    """Fit on everybody, and ask with films of a list for the others; the numbers of seeds are the protocol's own.

    Raises:
        DataError: No list has enough films that people like.
    """
    popularity = everybody.popularity
    found = tastes.find_tastes(dataset.movies, popularity)
    if not found:
        raise DataError("the data has no list of the protocol tastes", fix="use another protocol")
    train, validation = _split_off(everybody, config)
    tests: ByK = {k: tastes.taste_cases(found, k, everybody.n_movies, config.seed) for k in tastes.SEED_COUNTS}
    tuning: ByK = {k: few_seeds(config, everybody, validation, k, TUNING_DRAWS, 5) for k in tastes.SEED_COUNTS}
    return Round("tastes", everybody, train, validation, (Question("tastes", tests, tuning),))


def _split_off(people: Interactions, config: TrainingConfig) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Random rows to fit on, and the validation people."""
    order = np.random.default_rng(config.seed).permutation(len(people.user_ids))
    n_validation = max(1, int(len(order) * config.validation_share))
    return np.sort(order[n_validation:]), np.sort(order[:n_validation])


def earliest_cases(likes: pd.DataFrame, movie_ids: NDArray[np.int64], k: int, min_positives: int) -> Cases:
    """Each person's earliest k likes as seeds, all later ones as targets; people with fewer likes are left out.

    Equal times, of which MovieLens has many, keep the order of the rows, so that the seeds don't depend on the sorting
    algorithm. `movie_ids` is the ascending catalogue; films without a rating before T are in it.
    """
    ordered = likes.sort_values(["user_id", "timestamp"], kind="stable")
    owners, seeds, targets = [], [], []
    for user, own in ordered.groupby("user_id", sort=True)["movie_id"]:
        if len(own) >= min_positives:
            columns = np.searchsorted(movie_ids, own.to_numpy()).astype(np.int32)
            owners.append(int(str(user)))
            seeds.append(columns[:k])
            targets.append(columns[k:])
    return pack(owners, seeds, targets, len(movie_ids))


def deal_films(everybody: Interactions, config: TrainingConfig) -> list[NDArray[np.bool_]]:
    """(n,) bool per fold: the films that are new there. A film with enough likes is new in one fold."""
    usual = np.flatnonzero(everybody.popularity >= COLD_MIN_LIKES)
    order = np.random.default_rng(config.seed + 7).permutation(usual)
    return [np.isin(np.arange(everybody.n_movies), part) for part in np.array_split(order, config.eval_folds)]


def cold_round(
    config: TrainingConfig,
    everybody: Interactions,
    fold: Fold,
    new: NDArray[np.bool_],
    seed_counts: Sequence[int],
    name: str,
) -> Round:
    """Hold out people and films: the seeds are old films, the targets the new films that the person likes.

    Test people have more old likes than the largest k, and at least one new one. Equally scored films come in a
    random order per request: an id tells how long MovieLens has had a film, and rows that know nothing of new films
    must not gain by it.
    """
    without = remove_films(everybody, new)
    visible, train, validation = _visible_part(without, fold)
    liked = np.asarray(everybody.likes[fold.test].sum(axis=1)).ravel()
    old_likes = without.n_liked[fold.test]
    people = fold.test[(old_likes > max(seed_counts)) & (liked > old_likes)]
    draws = {"min_positives": max(seed_counts) + 1, "draws": config.eval_draws, "seed": config.seed + 8}
    tests: ByK = {}
    for k in seed_counts:
        drawn = few_seed_cases(without, people, k, max_people=config.eval_max_people, **draws)
        targets = everybody.likes[drawn.people].multiply(new.astype(np.float32)).tocsr()
        targets.eliminate_zeros()
        targets.sort_indices()
        tests[k] = Cases(drawn.people, drawn.seeds, targets)
    tuning: ByK = {k: few_seeds(config, visible, validation, k, TUNING_DRAWS, 5) for k in seed_counts}
    question = Question("cold-items", require_cases(tests, config), tuning, shelf=new, ties=config.seed + 9)
    return Round(name, visible, train, validation, (question,))


def remove_films(interactions: Interactions, films: NDArray[np.bool_]) -> Interactions:
    """The same people and catalogue, without any rating of some films, (n,) bool."""

    def without(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
        left = matrix.copy()
        left.data[films[left.indices]] = 0
        left.eliminate_zeros()
        return left

    return replace(interactions, ratings=without(interactions.ratings), likes=without(interactions.likes))
