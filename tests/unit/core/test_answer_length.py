"""Explanations of many seeds: an answer is as long as gateways let pass, or refused with the fix."""

from contextlib import suppress
from dataclasses import replace

import pytest

from marquee.api.contracts import MAX_EXPLANATION_BYTES, response_json
from marquee.errors import AnswerTooLong
from marquee.pipeline import Pipeline
from tests.unit.core.asking import ask

LONG = 'Das "längste" Märchen \\ 長い物語 '  # quotes and other alphabets grow in JSON
N_FILMS = 1800


@pytest.fixture(scope="module")
def make(make_contents):
    """`make(title) -> Pipeline`, whose films all have this title and a number."""
    contents = make_contents(n_movies=N_FILMS)
    contents = replace(contents, rerank=contents.rerank.model_copy(update={"n_candidates": 150}))

    def make(title):
        titles = tuple(f"{title}{index}" for index in range(N_FILMS))
        return Pipeline(replace(contents, catalog=replace(contents.catalog, titles=titles)))

    return make


def people(n_people, n_films):
    """Of different films, by both kinds of ids."""
    films = [3 * row + 1 for row in range(n_people * n_films)]
    each = [films[start : start + n_films] for start in range(0, len(films), n_films)]
    return [{"movie_ids": one[:100], "tmdb_ids": [movie + 1000 for movie in one[100:]]} for one in each]


@pytest.mark.parametrize("title", ["Film ", LONG])
def test_the_longest_answer_is_refused_before_the_work_and_says_what_helps(make, title, monkeypatch):
    monkeypatch.setattr("marquee.pipeline.explain", lambda *_: pytest.fail("explained"))
    with pytest.raises(AnswerTooLong, match="the explanations of this answer would have") as caught:
        ask(make(title), movie_ids=[], people=people(8, 200), top_n=100, explain=True)
    assert caught.value.fix == "lower top_n, name fewer films or people, or leave out explain"


def test_without_explanations_the_most_people_and_films_are_answered(make):
    answer = ask(make(LONG), movie_ids=[], people=people(8, 200), top_n=100)
    assert len(answer.recommendations) == 100
    assert len(response_json(answer)) < 200_000


def test_what_is_answered_is_as_long_as_was_reckoned(make):
    """The longest that passes: none of the bytes come as a surprise."""
    pipeline = make(LONG)
    for n_films in range(60, 30, -1):
        with suppress(AnswerTooLong):
            answer = ask(pipeline, movie_ids=[], people=people(8, n_films), top_n=100, explain=True)
            break
    assert 0.8 * MAX_EXPLANATION_BYTES < len(response_json(answer)) < MAX_EXPLANATION_BYTES + 200_000
