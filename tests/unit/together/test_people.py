"""Several people in one request, and several interests of one person."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from marquee.api.contracts import RecommendationRequest, response_json
from marquee.errors import GroupWithoutAccount, LikedAndDisliked, RetrievalUnavailable
from marquee.inspect_request import account
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch

MOVIES = [int(movie) for movie in range(1, 361, 3)]  # the ids of make_contents(n_movies=120)
ONE, TWO = {"movie_ids": MOVIES[:3]}, {"movie_ids": MOVIES[50:53]}


class Counting:
    """A retriever that fails from some call on."""

    def __init__(self, inner, fails_at=99):
        self.calls, self._inner, self._fails_at = 0, inner, fails_at

    def candidates(self, seed_movie_ids, k, where):
        self.calls += 1
        if self.calls >= self._fails_at:
            raise RetrievalUnavailable("timeout")
        return self._inner.candidates(seed_movie_ids, k, where)


@pytest.fixture(scope="module")
def contents(make_contents):
    return make_contents(n_movies=120, seed=1, history=True)


@pytest.fixture(scope="module")
def pipeline(contents):
    return Pipeline(contents)


def ask(pipeline, *people, **fields):
    return pipeline.recommend(RecommendationRequest(people=list(people), **fields))


def ids(answer):
    return [film.movie_id for film in answer.recommendations]


people_of_films = st.lists(
    st.lists(st.sampled_from(MOVIES), min_size=1, max_size=5, unique=True), min_size=2, max_size=4
)


@given(
    likes=people_of_films,
    top_n=st.integers(1, 60),
    dials=st.fixed_dictionaries(
        {
            "diversity": st.none() | st.floats(0, 1),
            "novelty": st.floats(0, 1),
            "sort": st.sampled_from(["fit", "affinity"]),
            "one_per_franchise": st.booleans(),
        }
    ),
)
@settings(max_examples=100, deadline=None)
def test_lists_are_sound(pipeline, likes, top_n, dials):
    answer = ask(pipeline, *({"movie_ids": films} for films in likes), top_n=top_n, **dials)
    films = answer.recommendations
    scores = [film.affinity_score for film in films]
    if dials["sort"] == "affinity":
        assert scores == sorted(scores, reverse=True)
    assert len(set(ids(answer))) == len(films)
    assert not set(ids(answer)) & {film for person in likes for film in person}
    for film in films:
        assert len(film.for_people) == len(likes)
        mean = sum(person.affinity_score for person in film.for_people) / len(likes)
        assert film.affinity_score == pytest.approx(mean, abs=1e-4)


def test_what_a_film_is_to_each_is_what_it_is_when_they_ask_alone(pipeline):
    """Of films that both requests know, affinities are the same."""
    answer = ask(pipeline, ONE, TWO, top_n=100)
    for place, (person, other) in enumerate(((ONE, TWO), (TWO, ONE))):
        named = [movie + 1000 for movie in other["movie_ids"]]
        alone = pipeline.recommend(RecommendationRequest(**person, exclude_tmdb_ids=named, top_n=100))
        known = {film.movie_id: film.affinity_score for film in alone.recommendations}
        both = [film for film in answer.recommendations if film.movie_id in known]
        assert len(both) >= 10
        for film in both:
            assert film.for_people[place].affinity_score == known[film.movie_id]


def test_the_same_person_twice_changes_nothing_but_the_others_films(pipeline):
    twice = ask(pipeline, ONE, ONE, top_n=10, diversity=0.0)
    assert [film.for_people[0] for film in twice.recommendations] == [
        film.for_people[1] for film in twice.recommendations
    ]
    alone = pipeline.recommend(RecommendationRequest(**ONE, top_n=10, diversity=0.0))
    assert ids(twice) == ids(alone)


def test_the_order_of_people_only_orders_what_is_told_of_them(pipeline):
    one, other = ask(pipeline, ONE, TWO), ask(pipeline, TWO, ONE)
    assert ids(one) == ids(other)
    assert [film.for_people for film in one.recommendations] == [
        film.for_people[::-1] for film in other.recommendations
    ]


def test_each_gets_an_account_of_their_own(pipeline):
    answer = ask(pipeline, ONE, TWO, explain=True)
    for film in answer.recommendations:
        assert film.explanation is None
        for person, asked in zip(film.for_people, (ONE, TWO), strict=True):
            why = person.explanation
            assert {seed.movie_id for seed in why.because} == set(asked["movie_ids"])
            total = sum(seed.contribution for seed in why.because) + sum(why.terms.values())
            assert total == pytest.approx(why.score, abs=1e-3)


def test_one_likes_what_another_dislikes(pipeline, contents):
    tmdb = MOVIES[50] + 1000
    answer = ask(pipeline, {**ONE, "disliked_tmdb_ids": [tmdb]}, TWO)
    assert MOVIES[50] not in ids(answer)
    with pytest.raises(LikedAndDisliked):
        ask(pipeline, {**ONE, "disliked_tmdb_ids": [MOVIES[0] + 1000]}, TWO)


def test_somebody_unknown_is_served_what_is_popular(pipeline):
    answer = ask(pipeline, ONE, {"movie_ids": [99_999]})
    assert answer.served_by == "popularity"
    assert answer.degraded == ["no_known_seeds"]
    assert answer.unknown_ids == [99_999]
    assert len(answer.recommendations) == 10


@pytest.mark.parametrize("fails_at", [1, 2])
def test_retrieval_that_fails_is_not_asked_again(pipeline, contents, fails_at):
    """Else eight people would wait for eight timeouts; and all of them are judged alike."""
    retriever = Counting(ExactSearch(contents), fails_at)
    answer = ask(pipeline.with_retriever(retriever), ONE, TWO, {"movie_ids": MOVIES[80:83]})
    assert retriever.calls == fails_at
    assert answer.served_by == "item_cf"
    assert answer.degraded == ["retrieval_timeout"]


def test_filters_hold_for_everybody(pipeline):
    answer = ask(pipeline, ONE, TWO, filters={"genres_none": ["Horror"], "year_min": 1990}, top_n=50)
    assert answer.recommendations
    assert all("Horror" not in film.genres and film.year >= 1990 for film in answer.recommendations)


def test_nothing_allowed_is_an_empty_list(pipeline):
    answer = ask(pipeline, ONE, TWO, filters={"year_min": 2090})
    assert answer.recommendations == []
    assert answer.degraded == ["fewer_films_than_asked"]


def test_a_group_has_no_account(pipeline):
    with pytest.raises(GroupWithoutAccount):
        account(pipeline, RecommendationRequest(people=[ONE, TWO]))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"people": [ONE]}, "at least two"),
        ({"people": [ONE, TWO], "movie_ids": [1]}, "not both"),
        ({"people": [ONE, TWO], "disliked_tmdb_ids": [1001]}, "not both"),
        ({"people": [ONE, TWO], "several_interests": True}, "one person"),
        ({"people": [ONE, {"disliked_tmdb_ids": [1001]}]}, "each person"),
        ({"people": [ONE] * 9}, "at most 8"),
        ({"people": []}, "at least one film"),
    ],
)
def test_what_makes_no_sense_is_refused(fields, says):
    with pytest.raises(ValidationError, match=says):
        RecommendationRequest(**fields)


class TestSeveralInterests:
    def test_is_another_choice_of_films_with_the_same_affinities(self, pipeline):
        seeds = MOVIES[:2] + MOVIES[60:62] + MOVIES[90:92]
        plain, mix = (
            pipeline.recommend(RecommendationRequest(movie_ids=seeds, top_n=20, several_interests=several))
            for several in (False, True)
        )
        assert set(ids(mix)) != set(ids(plain))
        known = {film.movie_id: film.affinity_score for film in plain.recommendations}
        for film in mix.recommendations:
            assert film.affinity_score == known.get(film.movie_id, film.affinity_score)
            assert film.for_people is None

    def test_changes_nothing_where_there_is_one(self, pipeline):
        plain, mix = (
            pipeline.recommend(RecommendationRequest(movie_ids=MOVIES[:1], several_interests=several))
            for several in (False, True)
        )
        assert response_json(plain) == response_json(mix)

    def test_nobody_known_is_served_what_is_popular(self, pipeline):
        answer = pipeline.recommend(RecommendationRequest(movie_ids=[99_998, 99_999], several_interests=True))
        assert (answer.served_by, answer.degraded) == ("popularity", ["no_known_seeds"])

    def test_the_account_knows_of_it(self, pipeline):
        request = RecommendationRequest(movie_ids=MOVIES[:2] + MOVIES[60:62], several_interests=True)
        told = account(pipeline, request)
        shown = sorted((film for film in told.films if film.shown_at), key=lambda film: film.shown_at)
        assert [film.movie.movie_id for film in shown] == ids(pipeline.recommend(request))

    def test_whatever_the_order_of_the_seeds(self, pipeline):
        seeds = MOVIES[:2] + MOVIES[60:62] + MOVIES[90:92]
        one, other = (
            pipeline.recommend(RecommendationRequest(movie_ids=films, several_interests=True))
            for films in (seeds, seeds[::-1])
        )
        assert response_json(one) == response_json(other)

    def test_a_lower_rung_asks_no_more(self, pipeline, contents):
        retriever = Counting(ExactSearch(contents), fails_at=1)
        request = RecommendationRequest(movie_ids=MOVIES[:2] + MOVIES[60:62], several_interests=True)
        answer = pipeline.with_retriever(retriever).recommend(request)
        assert (retriever.calls, answer.served_by, answer.degraded) == (1, "item_cf", ["retrieval_timeout"])
