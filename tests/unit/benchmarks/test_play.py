"""A library's process: the same figures as ours for the same model, kept answers, errors that show."""

import json

import numpy as np
import pytest

from benchmarks.quality.exchange import LENGTH, name_of, read_answer
from benchmarks.quality.play import ProcessFailed, play
from marquee.errors import DataError
from marquee_training.evaluation.baselines import popularity_scores
from marquee_training.evaluation.judge import judge
from marquee_training.evaluation.metrics import mean_ndcg
from marquee_training.evaluation.ranking import by_scores
from marquee_training.evaluation.rows import Row

LIMITS = {"seconds": 60.0, "settings": 5, "seed": 1}


@pytest.fixture
def ask(place, world, python, opponent):
    def ask(*args, limits=LIMITS, **given):
        return play(opponent(*args, **given), python, place, world.round, **limits)

    return ask


def fits(place, name="theirs"):
    return len((place / f"{name}.scratch" / "fits").read_text("utf-8"))


def test_popularity_of_another_process_is_our_own_row_exactly(ask, world):
    answer = ask()
    train, genres = world.round.fitted_on, world.films.catalog.genres
    own = Row("popularity", 0.0, popularity_scores(train.popularity))
    for question in world.round.questions:
        for k in question.tests:
            expected = judge(own.recommend, question, k, train, genres)
            found = judge(answer.recommend(question.protocol), question, k, train, genres)
            assert expected.values.keys() == found.values.keys()
            for name, values in expected.values.items():
                np.testing.assert_array_equal(values, found.values[name], err_msg=name)
            np.testing.assert_array_equal(expected.shown, found.shown)
            np.testing.assert_array_equal(expected.likes_shown, found.likes_shown)


def test_its_search_goes_by_our_ndcg_on_the_validation_people(ask, world):
    answer = ask(settings=({"weight": -1.0}, {"weight": 1.0}))
    score = popularity_scores(world.round.fitted_on.popularity)
    for question in world.round.questions:
        for k, cases in question.validations.items():
            name = name_of(question.protocol, k)
            assert answer.facts["chosen"][name] == {"weight": 1.0}
            ours = mean_ndcg(by_scores(score), cases, question.depth).mean()
            assert answer.facts["validation"][name] == pytest.approx(ours, abs=1e-12)
    assert answer.facts["tried"] == 2
    assert answer.facts["peak_mib"] > 10
    assert 0 <= answer.facts["fit_s"] <= answer.facts["search_s"]


def test_budgets_end_a_search(ask, place):
    grid = ({"weight": 1.0}, {"weight": 2.0}, {"weight": 3.0})
    assert ask(settings=grid, limits=LIMITS | {"settings": 2}).facts["tried"] == 2
    assert ask(settings=grid, name="slow", limits=LIMITS | {"seconds": 0.0}).facts["tried"] == 1
    assert fits(place, "slow") == 1


def test_an_answer_is_kept_until_something_changes(ask, place):
    first = ask()
    again = ask()
    assert fits(place) == 1
    assert again.facts == first.facts
    for name, lists in first.lists.items():
        np.testing.assert_array_equal(lists, again.lists[name])
    ask(settings=({"weight": 2.0},))
    assert fits(place) == 2


def test_films_with_few_likes_are_left_out(ask, world):
    popularity = world.round.fitted_on.popularity
    listed = ask(min_likes=4).lists[name_of("few-seeds", 3)]
    assert popularity[listed[listed >= 0]].min() >= 4
    assert (popularity < 4).any()


def test_an_error_of_a_library_shows_and_nothing_is_kept(ask, place):
    for model, message in (("Broken", "no such factorisation"), ("NotANumber", "NaN")):
        with pytest.raises(ProcessFailed, match=message) as caught:
            ask(model)
        assert "run.py" in caught.value.fix
        assert not (place / "theirs.stamp").exists()


def damaged(answer, change):
    with np.load(answer.with_suffix(".npz")) as stored:
        arrays = dict(stored)
    change(arrays[name_of("few-seeds", 3)])
    np.savez_compressed(answer.with_suffix(".npz"), **arrays)


def test_lists_that_cannot_be_right_are_refused(ask, place, world):
    ask()
    seeds = next(q for q in world.round.questions if q.protocol == "few-seeds").tests[3].seeds
    own = int(seeds.indices[0])

    def check(message, change):
        damaged(place / "theirs", change)
        with pytest.raises(DataError, match=message):
            read_answer(place / "theirs", world.round, ("few-seeds", "holdout"))

    def write(value):
        def change(lists):
            lists[0, 0] = value

        return change

    check("isn't in the catalogue", write(10**6))
    check("own seed", write(own))

    def twice(lists):
        lists[0, 0] = lists[0, 1]

    check("twice", twice)


def test_missing_lists_are_refused(ask, place, world):
    ask(protocols=("few-seeds",))
    with pytest.raises(DataError, match="holdout@None"):
        read_answer(place / "theirs", world.round, ("few-seeds", "holdout"))


def test_lists_of_another_library_answer_only_what_it_was_asked(ask, world):
    recommend = ask().recommend("few-seeds")
    seeds = next(q for q in world.round.questions if q.protocol == "few-seeds").tests[3].seeds
    assert [len(lists[0]) for lists in recommend(3, None, None)(seeds, (5, 10))] == [5, 10]
    with pytest.raises(ValueError, match="requests of"):
        recommend(3, None, None)(seeds, (LENGTH["few-seeds"] + 1,))
    with pytest.raises(ValueError, match="shelf"):
        recommend(3, None, 1)


def test_a_round_holds_nothing_of_what_test_people_have_left_to_find(place, world):
    with np.load(place / "round.npz") as stored:
        names = set(stored.files)
        likes = stored["likes.columns"]
    assert not any("test.targets" in name for name in names)
    assert len(likes) == world.round.visible.likes[world.round.train].nnz


def test_jobs_can_be_run_alone(ask, place):
    ask()
    job = json.loads((place / "theirs.job").read_text("utf-8"))
    assert job["settings"] == [{"weight": 1.0}]
