"""Notes on thin evidence."""

import numpy as np
import pytest

from marquee.api.contracts import RecommendationRequest
from marquee.pipeline import Pipeline, Trace
from tests.unit.core.asking import MOVIES, ask, with_catalog


@pytest.fixture(scope="module")
def contents(make_contents):
    return make_contents(n_movies=120, seed=1, history=True)


class TestNotes:
    def codes(self, response):
        return {note.code: note for note in response.notes}

    def test_several_liked_films_need_none(self, contents):
        popular = with_catalog(contents, popularity=np.full(120, 50, dtype=np.int32))
        assert ask(popular).notes == []

    def test_seeds_that_few_people_liked_are_named(self, contents):
        popularity = np.full(120, 50, dtype=np.int32)
        popularity[[1, 2]] = 2, 0
        rare = with_catalog(contents, popularity=popularity)
        some = self.codes(ask(rare))["few_likes"]
        assert some.movie_ids == MOVIES[1:3]
        assert "Film 4 (2), Film 7 (0)" in some.detail
        only = self.codes(ask(rare, movie_ids=MOVIES[1:2]))
        assert "Only 2 people in the data liked Film 4: " in only["few_likes"].detail
        assert only["one_seed"].movie_ids == MOVIES[1:2]

    def test_a_person_of_several_who_named_one_film(self, contents):
        people = [{"movie_ids": MOVIES[:1]}, {"movie_ids": MOVIES[4:8]}]
        assert self.codes(ask(with_catalog(contents), movie_ids=[], people=people))["one_seed"].movie_ids == MOVIES[:1]

    def test_filters_that_leave_nothing_close(self, contents):
        pipeline = Pipeline(contents)
        (ranking,) = pipeline.rank(RecommendationRequest(movie_ids=MOVIES[:3]), Trace())
        farthest = np.argsort(ranking.taste.lift_score)[:20].tolist()
        rest = [movie for row, movie in enumerate(MOVIES) if row not in farthest]
        response = ask(pipeline, exclude_movie_ids=rest[:100])
        assert self.codes(response)["nothing_close"].movie_ids == MOVIES[:3]
        assert "nothing_close" not in self.codes(ask(pipeline))

    def test_no_known_seed_is_no_evidence_at_all(self, contents):
        assert ask(Pipeline(contents), movie_ids=[2, 5]).notes == []
