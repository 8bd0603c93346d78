"""Filters on columns and the rules of a request, against a plain reference that goes film by film."""

from collections import Counter
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.api.conditions import Condition, conditions_of_texts, texts_of_conditions
from marquee.api.contracts import Filters, RecommendationRequest
from marquee.errors import RequestError, RetrievalUnavailable, UnknownColumn
from marquee.inspect_request import account
from marquee.models.columns import Labels
from marquee.models.weights import RerankConfig
from marquee.pipeline import Pipeline, Trace
from marquee.retrieval.exact import ExactSearch
from marquee.retrieval.port import Query, Where
from marquee.retrieval.wire import JSON_LENGTH, parse_request, read_answer
from marquee.retrieval.wire import ask as wire_request
from tests.unit.core.asking import MOVIES, Down, ask, ids

ITEMS = [f"sku-{movie}" for movie in MOVIES]


class Wired:
    """Retrieval by the wire format, without the wire."""

    def __init__(self, contents, protocol):
        self.search, self.protocol, self.version = ExactSearch(contents), protocol, contents.version

    def candidates(self, seed_movie_ids, k, where):
        body = wire_request(Query(tuple(seed_movie_ids), k, where), self.protocol, self.version)
        queries, _, render = parse_request(body)
        content, headers = render(self.search.batch(queries)).encode()
        return read_answer(content, self.protocol, k, headers.get(JSON_LENGTH))


@pytest.fixture(scope="module")
def small(make_contents):
    """20 candidates of 120 films."""
    return make_contents(n_movies=120, seed=3, history=True, columns=True)


@pytest.fixture(scope="module")
def whole(small):
    """All films are candidates, so that a list is the best there is."""
    return replace(small, rerank=RerankConfig(n_candidates=120))


RUNGS = ["in process", "v1", "v2", "item_cf", "popularity"]


@pytest.fixture(scope="module", params=RUNGS)
def rung(request):
    return request.param


def make_pipeline(contents, rung):
    retrievers = {"item_cf": Down, "v1": lambda: Wired(contents, "v1"), "v2": lambda: Wired(contents, "v2")}
    return Pipeline(contents, retrievers.get(rung, lambda: None)())


def seeds_for(rung):
    return [2, 5] if rung == "popularity" else MOVIES[:3]


def values_of(catalog, name, row):
    column = catalog.column(name)
    if isinstance(column, Labels):
        return {word.casefold() for word in column.words(row)}
    return {column.values[row]} - {np.nan} if not np.isnan(column.values[row]) else set()


def meets(catalog, row, columns):
    """Whether an item meets conditions, as JSON has them."""
    for name, condition in columns.items():
        own = values_of(catalog, name, row)
        short = condition if isinstance(condition, list) else [condition]
        whole = condition if isinstance(condition, dict) else {"any": short}
        wanted = {
            key: {value.casefold() if isinstance(value, str) else value for value in whole.get(key, ())}
            for key in ("any", "all", "none")
        }
        if wanted["any"] and not own & wanted["any"]:
            return False
        if not own >= wanted["all"] or own & wanted["none"]:
            return False
        if "min" in whole and not any(value >= whole["min"] for value in own):
            return False
        if "max" in whole and not any(value <= whole["max"] for value in own):
            return False
    return True


def condition(values):
    several = st.lists(values, min_size=1, max_size=2)
    return (
        values
        | several
        | st.fixed_dictionaries({"any": several}, optional={"none": several})
        | st.fixed_dictionaries({"none": several}, optional={"all": several})
    )


tags = st.sampled_from(["new", "Red", "sale", "old"])
prices = st.integers(1, 20).map(lambda price: price / 2)
columns = st.fixed_dictionaries(
    {},
    optional={
        "brand": condition(st.sampled_from(["Acme", "aPEX", "Zenith"])),
        "tag": condition(tags) | st.fixed_dictionaries({"all": st.just(["new", "sale"])}),
        "price": st.sampled_from([{"min": 2}, {"max": 8}, {"min": 2.5, "max": 9}, {"none": [3]}, [1, 2.5, 3, 4, 5]]),
        "genre": condition(st.sampled_from(["drama", "Comedy"])),
        "year": st.sampled_from([{"min": 1960}, {"max": 2000}]),
    },
)
boosts = st.lists(
    st.fixed_dictionaries({"by": st.floats(-5, 5, width=32)}).flatmap(
        lambda by: st.one_of(
            columns.filter(bool).map(lambda given: {"columns": given}),
            st.lists(st.sampled_from(MOVIES), min_size=1, max_size=5).map(lambda given: {"movie_ids": given}),
            st.lists(st.sampled_from(ITEMS), min_size=1, max_size=5).map(lambda given: {"item_ids": given}),
        ).map(lambda given: given | by)
    ),
    max_size=3,
)
unique = (lambda pin: pin[0], lambda pin: pin[1])
pins = st.lists(st.tuples(st.sampled_from(MOVIES), st.integers(1, 5)), max_size=3, unique_by=unique)
available = st.none() | st.lists(st.sampled_from(MOVIES), min_size=1, max_size=90, unique=True)
limits = st.dictionaries(st.sampled_from(["brand", "tag", "price", "genre"]), st.integers(1, 4), max_size=2)


def keys(catalog, max_per, row):
    """Pairs of a limited column and a value of the item."""
    return {(name, one) for name in max_per for one in values_of(catalog, name, row)}


def reference(catalog, scores, request):
    """The list without diversity: of the allowed films, by score and boost, as many per value as may be, then pins."""
    seeds = set(request["movie_ids"])
    allowed = [
        row
        for row, movie in enumerate(MOVIES)
        if movie not in seeds
        and meets(catalog, row, request["filters"]["columns"])
        and (request.get("only_movie_ids") is None or movie in request["only_movie_ids"])
    ]

    def value(row):
        total = np.float32(0)
        for one in request["boost"]:
            named = MOVIES[row] in one.get("movie_ids", ()) or ITEMS[row] in one.get("item_ids", ())
            if named or ("columns" in one and meets(catalog, row, one["columns"])):
                total += np.float32(one["by"])
        return scores[row] + total

    order = sorted(allowed, key=lambda row: (-value(row), row))
    pinned = {MOVIES.index(pin["movie_id"]): pin["position"] for pin in request["pin"]}
    pinned = {row: place for row, place in pinned.items() if row in allowed}
    counts = Counter(key for row in pinned for key in keys(catalog, request["max_per"], row))
    picked = []
    for row in order:
        own = keys(catalog, request["max_per"], row)
        fits = all(counts[name, one] < request["max_per"][name] for name, one in own)
        if row not in pinned and fits and len(picked) + len(pinned) < request["top_n"]:
            picked.append(row)
            counts.update(own)
    for row, place in sorted(pinned.items(), key=lambda pin: pin[1]):
        picked.insert(place - 1, row)
    not_pinned = {pin["movie_id"] for pin in request["pin"]} - {MOVIES[row] for row in pinned}
    return [MOVIES[row] for row in picked], not_pinned


@pytest.fixture(scope="module")
def scores_of(whole):
    """`scores_of(rung)`: each film's score in the order without rules."""

    @cache
    def scores(rung):
        request = RecommendationRequest(movie_ids=seeds_for(rung))
        (ranking,) = make_pipeline(whole, rung).rank(request, Trace())
        found = np.full(120, np.nan, dtype=np.float32)
        found[ranking.pool.rows] = ranking.order.score
        return found

    return scores


@given(columns=columns, boost=boosts, pins=pins, only=available, max_per=limits, top_n=st.integers(5, 30))
@settings(max_examples=25, deadline=None)
def test_a_list_is_that_of_the_reference(whole, rung, scores_of, columns, boost, pins, only, max_per, top_n):
    pipeline = make_pipeline(whole, rung)
    asked = {
        "movie_ids": seeds_for(rung),
        "filters": {"columns": columns},
        "boost": boost,
        "pin": [{"movie_id": movie, "position": place} for movie, place in pins],
        "only_movie_ids": only,
        "max_per": max_per,
        "top_n": top_n,
    }
    expected, not_pinned = reference(whole.catalog, scores_of(rung), asked)
    answer = ask(pipeline, **asked, diversity=0.0)
    assert ids(answer) == expected
    assert {movie for note in answer.notes if note.code == "not_pinned" for movie in note.movie_ids} == not_pinned
    lower = rung if rung in {"item_cf", "popularity"} else "two_tower"
    assert answer.served_by == lower or not expected


@given(columns=columns, boost=boosts, pins=pins, only=available, max_per=limits, top_n=st.integers(5, 20))
@settings(max_examples=12, deadline=None)
def test_few_candidates_starve_no_list(small, rung, columns, boost, pins, only, max_per, top_n):
    """Whatever is filtered and limited: nothing more could be shown, and affinities are those without rules."""
    catalog = small.catalog
    asked = {"movie_ids": seeds_for(rung), "filters": {"columns": columns}, "only_movie_ids": only, "top_n": top_n}
    pin = [{"item_id": f"sku-{movie}", "position": place} for movie, place in pins]
    pipeline = make_pipeline(small, rung)
    answer = ask(pipeline, **asked, boost=boost, pin=pin, max_per=max_per)
    shown = [MOVIES.index(movie) for movie in ids(answer)]
    allowed = {
        row
        for row, movie in enumerate(MOVIES)
        if movie not in asked["movie_ids"] and meets(catalog, row, columns) and (only is None or movie in only)
    }
    assert len(set(shown)) == len(shown) <= top_n
    assert set(shown) <= allowed
    placed = [(place, MOVIES.index(movie)) for movie, place in pins if MOVIES.index(movie) in allowed]
    for place, row in placed:
        assert shown.index(row) == place - 1 or len(shown) < top_n
    counts = Counter(key for row in shown for key in keys(catalog, max_per, row))
    pinned = Counter(key for _, row in placed for key in keys(catalog, max_per, row))
    assert all(count <= max(max_per[key[0]], pinned[key]) for key, count in counts.items())
    if len(shown) < top_n:
        full = {key for key, count in counts.items() if count >= max_per[key[0]]}
        assert all(full & keys(catalog, max_per, row) for row in allowed - set(shown))
    plain = {film.movie_id: film.affinity_score for film in ask(pipeline, **asked | {"top_n": 100}).recommendations}
    assert all(plain.get(film.movie_id, film.affinity_score) == film.affinity_score for film in answer.recommendations)


def test_a_boosted_film_is_shown_even_if_retrieval_did_not_find_it(small):
    pipeline = Pipeline(small)
    (ranking,) = pipeline.rank(RecommendationRequest(movie_ids=MOVIES[:3]), Trace())
    outside = next(movie for row, movie in enumerate(MOVIES) if movie > 9 and row not in ranking.pool.rows)
    answer = ask(pipeline, boost=[{"item_ids": [f"sku-{outside}"], "by": 50}], explain=True)
    assert ids(answer)[0] == outside
    assert answer.recommendations[0].explanation.boost == 50
    buried = ask(pipeline, boost=[{"movie_ids": ids(ask(pipeline)), "by": -50}])
    assert not set(ids(buried)) & set(ids(ask(pipeline)))


def test_explanations_and_accounts_tell_of_rules_and_stay_exact(small):
    pipeline = Pipeline(small)
    fields = {
        "movie_ids": MOVIES[:3],
        "boost": [{"columns": {"brand": "Acme"}, "by": 2}, {"columns": {"price": {"max": 4}}, "by": -1}],
        "pin": [{"movie_id": MOVIES[50], "position": 2}],
        "explain": True,
    }
    answer = ask(pipeline, **fields)
    assert ids(answer)[1] == MOVIES[50]
    for film in answer.recommendations:
        row = MOVIES.index(film.movie_id)
        why = film.explanation
        total = sum(one.contribution for one in why.because) + sum(why.terms.values())
        assert total == pytest.approx(why.score, abs=1e-3)
        assert film.affinity_score == pytest.approx(1 / (1 + np.exp(-why.score)), abs=1e-4)
        expected = 2 * meets(small.catalog, row, {"brand": "Acme"}) - meets(small.catalog, row, {"price": {"max": 4}})
        assert (why.boost or 0) == expected
        assert (why.pinned or False) == (film.movie_id == MOVIES[50])
    films = account(pipeline, RecommendationRequest(**fields)).films
    assert any(film.terms.boost for film in films)
    for film in films:
        assert sum(film.terms.model_dump().values()) == pytest.approx(film.score, abs=1e-4)
    assert [film.shown_at for film in films if film.pinned] == [2]


@pytest.mark.parametrize(
    "several", [{"several_interests": True}, {"people": [{"movie_ids": [1]}, {"movie_ids": [40, 100]}]}]
)
def test_rules_hold_for_groups_and_interests(small, several):
    asked = {"movie_ids": [] if "people" in several else [1, 40, 100, 160, 220], **several}
    pipeline = Pipeline(small)
    plain = ask(pipeline, **asked)
    answer = ask(
        pipeline,
        **asked,
        pin=[{"movie_id": MOVIES[90], "position": 3}],
        boost=[{"movie_ids": [MOVIES[80]], "by": 50}],
        max_per={"brand": 2},
        filters={"columns": {"price": {"max": 9}, "year": {"min": 1955}}},
    )
    rows = [MOVIES.index(movie) for movie in ids(answer)]
    within = [row for row in (90, 80) if meets(small.catalog, row, {"price": {"max": 9}, "year": {"min": 1955}})]
    assert set(within) <= set(rows)
    assert len(rows) == len(plain.recommendations) == 10
    counts = Counter(one for row in rows for one in values_of(small.catalog, "brand", row))
    assert max(counts.values()) <= 2


def test_diversity_is_as_before_where_a_boost_adds_the_same_to_all(small):
    pipeline = Pipeline(replace(small, rerank=RerankConfig(n_candidates=120)))
    every = [{"columns": {"year": {"min": 1900}}, "by": 64}]
    assert ids(ask(pipeline, boost=every, diversity=0.5)) == ids(ask(pipeline, diversity=0.5))


class Ignorant(ExactSearch):
    """A retrieval server that ignores filters on columns, and availability."""

    def candidates(self, seed_movie_ids, k, where):
        return super().candidates(seed_movie_ids, k, replace(where, columns={}, only_movie_ids=None))


class Older:
    """A retrieval server that refuses what it doesn't know, as Marquee's earlier ones do."""

    def candidates(self, seed_movie_ids, k, where):
        raise RetrievalUnavailable("rejected", "columns: Extra inputs are not permitted")


class Skewed(Ignorant):
    def candidates(self, *query):
        return super().candidates(*query)._replace(model_version="another")


@pytest.mark.parametrize(
    ("server", "reason"),
    [(Ignorant, "bad_answer"), (Skewed, "version_skew"), (lambda _: Older(), "rejected")],
)
@pytest.mark.parametrize("fields", [{"filters": {"columns": {"brand": "Zenith"}}}, {"only_movie_ids": MOVIES[60:75]}])
def test_a_server_that_does_not_know_the_filter_leaves_no_hole(small, server, reason, fields):
    answer = ask(Pipeline(small, server(small)), **fields)
    assert answer.degraded == [f"retrieval_{reason}"]
    assert ids(answer) == ids(ask(Pipeline(small, Down()), **fields))
    assert len(answer.recommendations) == 10


def test_nobody_is_asked_where_nothing_is_available(small):
    class Unasked:
        def candidates(self, *query):
            raise AssertionError("there is nothing to ask for")

    answer = ask(Pipeline(small, Unasked()), only_item_ids=["sku-2"])
    assert answer.recommendations == []
    assert answer.degraded == ["fewer_films_than_asked"]


def test_unknown_ids_are_named(small):
    answer = ask(
        Pipeline(small),
        pin=[{"item_id": "nothing", "position": 1}],
        boost=[{"item_ids": ["no-such"], "movie_ids": [2], "by": 1}],
    )
    assert answer.unknown_ids == [2, "no-such", "nothing"]
    assert len(answer.recommendations) == 10


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"filters": {"columns": {"colour": "red"}}}, "the catalogue has no column 'colour'"),
        ({"boost": [{"columns": {"colour": "red"}, "by": 1}]}, "the catalogue has no column 'colour'"),
        ({"max_per": {"colour": 1}}, "use one of brand, genre, price, tag, year"),
        ({"filters": {"columns": {"brand": {"min": 1}}}}, "the column 'brand' has words, so no min and max"),
        ({"filters": {"columns": {"price": "cheap"}}}, "the column 'price' has numbers, not 'cheap'"),
        ({"pin": [{"movie_id": 100, "position": 1}, {"tmdb_id": 1100, "position": 2}]}, "pinned twice"),
    ],
)
def test_rules_that_the_catalogue_cannot_follow(small, fields, complaint):
    with pytest.raises(RequestError) as raised:
        ask(Pipeline(small), **fields)
    assert complaint in str(raised.value)
    assert isinstance(raised.value, UnknownColumn) == ("colour" in str(fields))


def test_text_is_read_as_a_number_where_the_column_has_numbers(small):
    texts = ["price<=8", "price>=2", "brand=Acme", "brand=apex", "tag!=old", "tag&=new"]
    given = conditions_of_texts(texts)
    by_text = Where.of(Filters.model_validate({"columns": given}))
    expected = {"price": {"min": 2, "max": 8}, "brand": ["Acme", "apex"], "tag": {"all": ["new"], "none": ["old"]}}
    mask = by_text.mask(small.catalog)
    assert mask.tolist() == [meets(small.catalog, row, expected) for row in range(120)]
    again = texts_of_conditions(by_text.columns)
    assert Filters.model_validate({"columns": conditions_of_texts(again)}).columns == by_text.columns
    assert Where(columns={"price": Condition(any=("2.5",))}).mask(small.catalog).tolist() == [
        meets(small.catalog, row, {"price": 2.5}) for row in range(120)
    ]


def test_similar_films_are_filtered_alike(small):
    found = Pipeline(small).films.similar(1, 10, Where(columns={"tag": Condition(all=("new", "sale"))}))
    wanted = {"tag": {"all": ["new", "sale"]}}
    allowed = {movie for row, movie in enumerate(MOVIES) if row and meets(small.catalog, row, wanted)}
    assert {film.movie_id for film in found} <= allowed
    assert len(found) == min(10, len(allowed))
