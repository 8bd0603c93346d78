"""Items that come, change and go between trainings: the list in a store, and the bundle with them."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from marquee.added import MAX_ITEMS, Extension, change, check_item, read_added, typed
from marquee.api.contracts import Filters, RecommendationRequest
from marquee.api.items import AddedItems, Item
from marquee.bundle.address import open_store
from marquee.bundle.bundle import Bundle
from marquee.errors import BundleError, RequestError
from marquee.models.catalog import Catalog
from marquee.models.columns import Labels, Numbers
from marquee.models.content import catalog_features, mixtures
from marquee.pipeline import Pipeline
from marquee.retrieval.exact import ExactSearch

N = 80


@pytest.fixture(params=["two views", "factors"])
def bundle(make_contents, request) -> Bundle:
    """Films with a price, of which every second is by Ann, and ids of their own."""
    made = make_contents(N, seed=3, **({"history": True} if request.param == "two views" else {"factors": True}))
    columns = {
        "by": Labels.of([["Ann"] if row % 2 else ["Bo"] for row in range(N)]),
        "price": Numbers(np.arange(N, dtype=np.float64)),
    }
    catalog = replace(made.catalog, columns=columns, item_ids=tuple(f"f{row}" for row in range(N)))
    return replace(made, catalog=catalog)


def listed(*given: tuple[str | int, Item], removed: tuple[str | int, ...] = ()) -> AddedItems:
    items = [{"item_id": key, "item": item, "number": at} for at, (key, item) in enumerate(given, start=1)]
    return AddedItems.model_validate({"items": items, "removed": removed})


def ask(pipeline: Pipeline, **asked):
    return pipeline.recommend(RecommendationRequest(**asked))


MOON = Item(title="Moon Harbour", year=2026, genres=["Drama"], columns={"by": ["Ann", "Cy"], "price": 12.5})


def test_a_new_item_is_found_filtered_recommended_and_explained_like_any_other(bundle: Bundle) -> None:
    base = Pipeline(bundle)
    pipeline = base.with_items(listed(("new", MOON)))
    for columns in ({"by": "Cy"}, {"by": {"all": ["Ann", "Cy"]}, "year": {"min": 2026}, "price": {"max": 13}}):
        answer = ask(pipeline, item_ids=["f1", "f2"], filters=Filters(columns=columns), explain=True)
        assert [film.item_id for film in answer.recommendations] == ["new"]
        (film,) = answer.recommendations
        why = film.explanation
        total = sum(one.contribution for one in why.because) + sum(why.terms.values())
        assert total == pytest.approx(why.score, abs=1e-3)
    assert [film.title for film in pipeline.films.search("moon harb", 5)] == ["Moon Harbour"]
    movie = pipeline.films.search("moon harbour", 1)[0].movie_id
    assert pipeline.films.details(movie).likes == 0
    assert len(pipeline.films.similar(movie, 5)) == 5
    assert "new" in {film.item_id for film in pipeline.films.similar(1, N)}
    as_seed = ask(pipeline, item_ids=["new"], top_n=5)
    assert len(as_seed.recommendations) == 5
    assert as_seed.unknown_ids == []
    assert "new" not in {film.item_id for film in as_seed.recommendations}
    assert ask(base, item_ids=["new", "f1"]).unknown_ids == ["new"]  # the pipeline that served before is as it was


def test_what_is_known_of_other_items_stays(bundle: Bundle) -> None:
    base, pipeline = Pipeline(bundle), Pipeline(bundle).with_items(listed(("new", MOON)))
    seeds = [3, 9]
    one, other = (
        make.bundle.item_cf.scores(seeds)[:N].tolist() + make.bundle.two_tower.scores(seeds)[:N].tolist()
        for make in (base, pipeline)
    )
    assert one == pytest.approx(other, abs=1e-6)


def test_a_new_item_is_a_mixture_of_those_of_like_content(bundle: Bundle) -> None:
    made = Extension(bundle).of(listed(("new", MOON)))
    fitted = np.flatnonzero(bundle.catalog.popularity)
    features = catalog_features(made.catalog, bundle.catalog)
    shares = mixtures(features[:N], fitted) @ features[N]
    tower, was = made.two_tower, bundle.two_tower
    np.testing.assert_allclose(tower.item_vectors[N], shares @ was.item_vectors[fitted], atol=1e-5)
    for seeds in ([2], [5, 7, 30]):
        pull = bundle.item_cf.pull(seeds)
        assert made.item_cf.pull(seeds)[N] == pytest.approx(float(shares @ pull[fitted]), abs=5e-3)
    exact = ExactSearch(made).candidates([1], 5, _only("Cy"))
    assert exact.movie_ids.tolist() == [int(made.catalog.movie_ids[N])]


def _only(word: str):
    from marquee.retrieval.port import Where

    return Where.of(Filters(columns={"by": word}))


def test_a_known_item_changes_where_something_is_said(bundle: Bundle) -> None:
    was = bundle.catalog
    item = Item(title="Another Name", columns={"price": 500})
    pipeline = Pipeline(bundle).with_items(listed(("f7", item)))
    catalog = pipeline.catalog
    assert len(catalog) == N
    assert (catalog.titles[7], catalog.columns["price"].values[7]) == ("Another Name", 500)
    assert (catalog.years[7], catalog.columns["by"].words(7)) == (was.years[7], ["Ann"])
    assert (catalog.genres[7] == was.genres[7]).all()
    assert pipeline.films.search("another name", 3)[0].item_id == "f7"
    assert not [film for film in pipeline.films.search("film 22", 3) if film.item_id == "f7"]  # its title before


def test_a_removed_item_is_nowhere(bundle: Bundle) -> None:
    pipeline = Pipeline(bundle).with_items(listed(("new", MOON), removed=("f5",)))
    answer = ask(pipeline, item_ids=["f1"], top_n=100)
    assert "f5" not in {film.item_id for film in answer.recommendations}
    title = bundle.catalog.titles[5]
    assert "f5" not in {film.item_id for film in pipeline.films.search(title, 10)}


def test_ids_that_fit_are_movie_ids(make_contents) -> None:
    catalog = make_contents(N).catalog
    made = Extension(make_contents(N)).of(listed((5000, MOON)))
    assert made.catalog.item_ids is None
    assert made.catalog.movie_ids[-1] == 5000
    mixed = Extension(make_contents(N)).of(listed((5000, MOON), ("b-1", MOON)))
    assert mixed.catalog.item_ids[-2:] == (5000, "b-1")
    assert mixed.catalog.item_ids[:N] == tuple(catalog.movie_ids.tolist())
    assert len(set(mixed.catalog.movie_ids.tolist())) == N + 2
    assert (typed(catalog, "12"), typed(catalog, "012"), typed(mixed.catalog, "x")) == (12, "012", "x")


def test_values_of_another_kind_are_refused(bundle: Bundle) -> None:
    check_item(bundle.catalog, MOON)
    for columns, message in (({"price": "dear"}, "holds numbers"), ({"genre": "Drama"}, "beside columns")):
        with pytest.raises(RequestError, match=message):
            check_item(bundle.catalog, Item(title="x", columns=columns))


def test_the_list_is_changed_by_many_at_once_and_nothing_is_lost(tmp_path) -> None:
    stores = [open_store(tmp_path / "store") for _ in range(4)]

    def add(store, name):
        for at in range(5):
            change(store, put=[(f"{name}{at}", MOON)])

    threads = [threading.Thread(target=add, args=(store, name)) for store, name in zip(stores, "abcd", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    added = read_added(stores[0])
    assert {one.item_id for one in added.items} == {f"{name}{at}" for name in "abcd" for at in range(5)}
    assert sorted(one.number for one in added.items) == list(range(1, 21))
    gone = change(stores[0], remove=["a0", "f5"])
    assert gone.removed == ("a0", "f5")
    assert "a0" not in {one.item_id for one in gone.items}
    again = change(stores[1], put=[("a0", MOON)])
    assert again.removed == ("f5",)
    with pytest.raises(RequestError, match="limit is 1,000"):
        change(stores[0], put=[(f"x{at}", MOON) for at in range(MAX_ITEMS)])
    assert read_added(stores[3]) == again


def test_a_list_that_is_none_is_said(tmp_path) -> None:
    store = open_store(tmp_path)
    (tmp_path / "ADDED.json").write_text('{"items": 3}')
    with pytest.raises(BundleError, match=r"ADDED\.json is no list of items: items"):
        read_added(store)


def test_columns_change_row_by_row() -> None:
    words = Labels.of([["a"], [], ["b", "c"], ["a", "c"]])
    made = words.changed(6, {0: ["z"], 2: [], 5: ["c", "b", "c"]})
    assert [made.words(row) for row in range(6)] == [["z"], [], [], ["a", "c"], [], ["b", "c"]]
    numbers = Numbers(np.array([1.0, np.nan])).changed(4, {1: 2.0, 3: 9.0})
    np.testing.assert_equal(numbers.values, [1.0, 2.0, np.nan, 9.0])


def test_a_catalogue_of_some_films(bundle: Bundle) -> None:
    some: Catalog = bundle.catalog.select([4, 1])
    assert some.titles == (bundle.catalog.titles[4], bundle.catalog.titles[1])
    assert some.item_ids == ("f4", "f1")
