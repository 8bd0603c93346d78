"""Films that MovieLens has twice are one film to a person."""

import numpy as np
import pytest

from marquee.api.contracts import response_json
from marquee.errors import RequestError
from marquee.models.columns import Numbers
from tests.unit.core.asking import MOVIES, Down, ask, ids, with_catalog


@pytest.fixture(scope="module")
def contents(make_contents):
    return make_contents(n_movies=120, seed=1, history=True)


class TestFilmsThatAreThereTwice:
    @pytest.fixture(params=["one TMDB id", "one IMDb id", "one title and year"])
    def twice(self, contents, request):
        """The first 60 films again, each by another MovieLens id and liked by nobody."""
        catalog = contents.catalog
        popularity = catalog.popularity.copy()
        popularity[60:] = 0
        tmdb_ids, titles, years = catalog.tmdb_ids.copy(), list(catalog.titles), catalog.years.copy()
        imdb = np.arange(1.0, 121.0)
        if request.param == "one TMDB id":
            tmdb_ids[60:] = tmdb_ids[:60]
        elif request.param == "one IMDb id":
            imdb[60:] = imdb[:60]
        else:
            titles[60:], years[60:] = [title.upper() for title in titles[:60]], years[:60]
        changed = {"tmdb_ids": tmdb_ids, "titles": tuple(titles), "years": years, "columns": {"imdb_id": Numbers(imdb)}}
        return with_catalog(contents, popularity=popularity, **changed)

    @pytest.mark.parametrize("retriever", [None, Down()])
    @pytest.mark.parametrize("field", ["movie_ids", "disliked_movie_ids", "exclude_movie_ids"])
    def test_come_once_at_most_and_never_if_either_is_named(self, twice, retriever, field):
        pipeline = twice.with_retriever(retriever) if retriever else twice
        shown = ids(ask(pipeline, top_n=100))
        assert set(shown) <= set(MOVIES[:60])
        named = [MOVIES[MOVIES.index(movie) + 60] for movie in shown[:3]]
        assert not set(ids(ask(pipeline, top_n=100, **{field: named}))) & set(shown[:3])

    @pytest.mark.parametrize("how", ["pin", "boost", "only_movie_ids", "ratings"])
    def test_rules_and_ratings_of_either_are_of_the_film(self, twice, how):
        first, twin = MOVIES[7], MOVIES[67]
        fields = {
            "pin": {"pin": [{"position": 1, "movie_id": twin}]},
            "boost": {"boost": [{"movie_ids": [twin], "by": 50}]},
            "only_movie_ids": {"only_movie_ids": [twin]},
            "ratings": {"ratings": [{"movie_id": twin, "stars": 1}, {"movie_id": MOVIES[0], "stars": 5}]},
        }
        shown = ids(ask(twice, top_n=100, **fields[how]))
        assert twin not in shown
        assert (first not in shown) if how == "ratings" else shown[0] == first

    def test_are_found_once(self, twice):
        found = [film.movie_id for film in twice.films.search("Film 1", 100)]
        assert found[0] == MOVIES[0]
        assert set(found) <= set(MOVIES[:60])

    def test_are_one_seed(self, twice):
        once, again = ask(twice, movie_ids=MOVIES[:3]), ask(twice, movie_ids=[*MOVIES[60:63], *MOVIES[1:3]])
        assert response_json(once) == response_json(again)

    def test_can_not_be_liked_and_disliked(self, twice):
        with pytest.raises(RequestError, match="both liked and disliked"):
            ask(twice, disliked_movie_ids=[MOVIES[60]])

    def test_films_without_year_or_tmdb_id_are_not_the_same(self, contents):
        catalog = contents.catalog
        nothing = {"tmdb_ids": np.zeros_like(catalog.tmdb_ids), "years": np.zeros_like(catalog.years)}
        assert with_catalog(contents, titles=("Untitled",) * 120, **nothing).catalog.distinct.all()
