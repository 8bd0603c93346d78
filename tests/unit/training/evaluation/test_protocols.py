"""Who is fitted on and who is asked; above all, that the two never meet."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from marquee.errors import ConfigError, DataError
from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.protocols import deal_films, earliest_cases, rounds_of
from marquee_training.evaluation.rows import names_of
from marquee_training.interactions import build_interactions


def question_of(rounds, protocol):
    return next(
        (each, question, rows)
        for each, questions in rounds
        for question, rows in zip(each.questions, questions, strict=True)
        if question.protocol == protocol
    )


def test_every_protocol_has_all_its_rows(rounds, settings):
    for protocol in settings.protocols:
        _, question, rows = question_of(rounds, protocol)
        assert tuple(row.name for row in rows) == names_of(protocol)
        assert set(question.tests) == ({None} if protocol == "holdout" else {1, 3})


def test_few_seeds_and_holdout_share_their_fits(rounds):
    (_, one, few), (_, other, many) = question_of(rounds, "few-seeds"), question_of(rounds, "holdout")
    assert one is not other
    for name in ("triplet", "two_tower", "pipeline"):
        assert few[names_of("few-seeds").index(name)] is many[names_of("holdout").index(name)]


def test_the_people_asked_are_not_among_those_who_can_be_seen(rounds, timed, settings):
    everybody = build_interactions(timed, settings.config.positive_rating)
    for protocol in ("few-seeds", "holdout", "cold-items"):
        each, question, _ = question_of(rounds, protocol)
        for cases in question.tests.values():
            assert not set(everybody.user_ids[cases.unique_people]) & set(each.visible.user_ids)
    each, question, _ = question_of(rounds, "temporal")
    assert not set(question.tests[1].unique_people) & set(each.visible.user_ids)


def poisoned(dataset, mask, seed=0):
    """The same people rate the same number of films, but others, and at random."""
    ratings = dataset.ratings.copy()
    rng = np.random.default_rng(seed)
    ratings.loc[mask, "rating"] = rng.choice([0.5, 5.0], int(mask.sum())).astype(np.float32)
    return replace(dataset, ratings=ratings)


def scores_of(rows, question):
    """What each row says to the question's first requests: lists, and scores where it has them."""
    k, cases = next(iter(question.tests.items()))
    scorers = {row.name: row.model[k][2] if isinstance(row.model, dict) else row.model for row in rows}
    return {
        row.name: (
            row.recommend(k)(cases.seeds, (10,))[0],
            scorers[row.name](cases.seeds) if callable(scorers[row.name]) else None,
        )
        for row in rows
    }


def same(ours, theirs):
    return all(
        np.array_equal(ours[name][0], theirs[name][0])
        and (ours[name][1] is None or np.array_equal(ours[name][1], theirs[name][1]))
        for name in ours
    )


@pytest.mark.parametrize("protocol", ["few-seeds", "holdout", "temporal", "cold-items"])
def test_what_held_out_people_rate_reaches_no_fit(rounds, timed, settings, protocol):
    """Poison: their ratings are replaced by others, and no row changes by a bit."""
    each, question, rows = question_of(rounds, protocol)
    seen = set(each.visible.user_ids.tolist())
    mask = ~timed.ratings["user_id"].isin(seen)
    assert mask.any()
    again = settings.fitted(poisoned(timed, mask), (protocol,))
    other_rows = question_of(again, protocol)[2]
    assert same(scores_of(rows, question), scores_of(other_rows, question))


def test_poison_among_those_who_are_seen_does_show(rounds, timed, settings):
    """Without this the test above could pass for rows that learn nothing."""
    each, question, rows = question_of(rounds, "few-seeds")
    mask = timed.ratings["user_id"].isin(each.visible.user_ids[each.train][:20].tolist())
    other = question_of(settings.fitted(poisoned(timed, mask), ("few-seeds",)), "few-seeds")[2]
    ours, theirs = scores_of(rows, question), scores_of(other, question)
    for name in names_of("holdout"):
        assert not same({name: ours[name]}, {name: theirs[name]}), name


class TestTemporal:
    def test_fits_see_the_past_alone(self, rounds, timed):
        each, question, _ = question_of(rounds, "temporal")
        first = timed.ratings.groupby("user_id")["timestamp"].min()
        cut = first.loc[question.tests[1].unique_people].min()
        past = timed.ratings[timed.ratings["timestamp"] < cut]
        assert each.visible.ratings.nnz == len(past)
        assert set(each.visible.user_ids) == set(past["user_id"])
        assert (timed.ratings.loc[timed.ratings["user_id"].isin(past["user_id"]), "timestamp"] >= cut).any()
        assert (first.loc[question.tests[3].unique_people] >= cut).all()

    def test_about_a_fifth_of_the_people_is_asked(self, rounds):
        each, question, _ = question_of(rounds, "temporal")
        assert len(each.visible.user_ids) == 96
        assert 12 <= len(question.tests[1].unique_people) <= 24

    def test_what_seen_people_rate_later_reaches_no_fit(self, timed, settings):
        cut = 97 * 5
        later = timed.ratings[~((timed.ratings["timestamp"] >= cut) & (timed.ratings["user_id"] <= 96))]
        without = replace(timed, ratings=later)
        assert len(later) < len(timed.ratings)
        (one,), (other,) = (list(rounds_of(data, settings.config, ("temporal",), (1,))) for data in (timed, without))
        assert (one.visible.ratings != other.visible.ratings).nnz == 0
        assert np.array_equal(one.train, other.train)

    def test_seeds_are_the_earliest_and_ties_keep_their_rows(self):
        likes = pd.DataFrame({"user_id": 1, "movie_id": [9, 3, 7, 5, 1], "timestamp": [50, 50, 10, 50, 60]})
        ((_, seeds, targets),) = earliest_cases(likes, np.arange(10), 2, 5)
        assert seeds.tolist() == [7, 9]
        assert targets.tolist() == [1, 3, 5]
        assert not len(earliest_cases(likes, np.arange(10), 2, 6))

    def test_unseen_films_stay_targets(self, timed, settings):
        """A film that nobody rated before T can't be found by most rows, and counts all the same."""
        late = timed.ratings["user_id"] > 96
        film = int(timed.movies["movie_id"].iloc[59])  # a seed is what is rated first, and they go by id
        rare = timed.ratings[late | (timed.ratings["movie_id"] != film)]
        (each,) = rounds_of(replace(timed, ratings=rare), settings.config, ("temporal",), (1,))
        column = int(np.searchsorted(each.visible.movie_ids, film))
        assert each.visible.popularity[column] == 0
        assert each.questions[0].tests[1].targets[:, column].sum() > 0

    def test_data_without_times_is_refused(self, dataset, settings):
        still = replace(dataset, ratings=dataset.ratings.assign(timestamp=7))
        with pytest.raises(DataError, match="by time"):
            list(rounds_of(still, settings.config, ("temporal",), (1,)))


class TestColdItems:
    def test_new_films_have_no_rating_and_are_the_only_targets(self, rounds):
        each, question, _ = question_of(rounds, "cold-items")
        assert each.visible.ratings[:, question.shelf].nnz == 0
        assert each.visible.likes[:, question.shelf].nnz == 0
        for k, cases in question.tests.items():
            assert cases.seeds[:, question.shelf].nnz == 0
            assert cases.targets[:, ~question.shelf].nnz == 0
            assert (cases.n_targets > 0).all()
            assert (np.diff(cases.seeds.indptr) == k).all()

    def test_each_film_is_new_once(self, world, settings):
        parts = np.stack(deal_films(world, settings.config))
        assert parts.shape[0] == settings.config.eval_folds
        assert np.array_equal(parts.sum(axis=0), world.popularity >= 5)

    def test_what_anybody_rates_of_new_films_reaches_no_fit(self, rounds, timed, settings):
        """Poisoned in a way that keeps who likes them, since that decides which films can be new."""
        _, question, rows = question_of(rounds, "cold-items")
        new = set(timed.movies["movie_id"].to_numpy()[question.shelf].tolist())
        ratings = timed.ratings.copy()
        mask = ratings["movie_id"].isin(new)
        ratings.loc[mask, "rating"] = np.where(ratings.loc[mask, "rating"] >= 4, 5.0, 0.5).astype(np.float32)
        assert not ratings.equals(timed.ratings)
        again = question_of(settings.fitted(replace(timed, ratings=ratings), ("cold-items",)), "cold-items")[2]
        assert same(scores_of(rows, question), scores_of(again, question))

    def test_on_the_shelf_every_list_has_new_films_alone(self, rounds):
        _, question, rows = question_of(rounds, "cold-items")
        for row in rows:
            (lists,) = row.recommend(3, question.shelf, question.ties)(question.tests[3].seeds[:8], (5,))
            assert question.shelf[lists].all(), row.name
            assert (lists >= 0).all(), row.name

    def test_content_beats_chance(self, rounds):
        _, question, rows = question_of(rounds, "cold-items")
        marks = {
            row.name: mean_ndcg(row.recommend(3, question.shelf, question.ties), question.tests[3]).mean()
            for row in rows
        }
        assert marks["genre_popularity"] > marks["chance"] + 0.1
        for blind in ("popularity", "item_knn", "pure_svd", "ease", "edlae", "svd_centered"):
            assert marks[blind] == pytest.approx(marks["chance"]), blind


@pytest.mark.parametrize("protocol", ["few-seeds", "holdout", "temporal", "cold-items"])
def test_the_order_of_ratings_means_nothing(timed, settings, protocol):
    """Shuffled rows, but for the ties in time, give the same questions."""
    mixed = timed.ratings.sample(frac=1, random_state=0)
    mixed = mixed.assign(row=mixed.index).sort_values(["timestamp", "row"], kind="stable").drop(columns="row")
    ours, theirs = (
        [
            (k, cases.people.tolist(), cases.seeds.indices.tolist(), cases.targets.indices.tolist())
            for each in rounds_of(data, settings.config, (protocol,), (1, 3))
            for question in each.questions
            for k, cases in question.tests.items()
        ]
        for data in (timed, replace(timed, ratings=mixed))
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("protocols", "seeds", "message"),
    [(("holdup",), (1,), "'holdup'"), (("few-seeds",), (1, 12), "seeds 1,12"), (("few-seeds",), (0,), "seeds 0")],
)
def test_impossible_questions_are_refused(dataset, settings, protocols, seeds, message):
    with pytest.raises(ConfigError, match=message) as caught:
        list(rounds_of(dataset, settings.config, protocols, seeds))
    assert caught.value.fix


def test_nobody_to_ask(dataset, settings):
    strict = settings.config.model_copy(update={"eval_min_positives": 61})
    with pytest.raises(DataError, match="61 likes"):
        list(rounds_of(dataset, strict, ("few-seeds",), (1,)))
