from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from marquee.bundle import Bundle, DataInfo
from marquee.bundle.files import decode, encode, inconsistencies
from marquee.bundle.publish import pack
from marquee.errors import BundleError
from marquee.models.catalog import FILMS, Catalog
from marquee.models.columns import Labels, Numbers
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig

ARRAYS = ("movie_ids", "tmdb_ids", "years", "genres", "popularity")
finite = st.floats(-1e6, 1e6, width=32)


@st.composite
def contents(draw: st.DrawFn) -> Bundle:
    n, d, g = draw(st.integers(1, 6)), draw(st.integers(1, 4)), draw(st.integers(0, 3))
    ids = sorted(draw(st.sets(st.integers(1, 2**40), min_size=n, max_size=n)))
    hidden = draw(st.booleans())

    def floats(*shape: int) -> Any:
        return draw(arrays.arrays(np.float32, shape, elements=finite))

    def integers(dtype: Any, top: int) -> Any:
        return draw(arrays.arrays(dtype, n, elements=st.integers(0, top)))

    words = st.lists(st.text(min_size=1, max_size=3).filter(_encodable), max_size=3)
    own_ids = st.lists(st.text(max_size=3).filter(_encodable) | st.integers(), min_size=n, max_size=n, unique=True)
    columns = {
        "tag": Labels.of(draw(st.lists(words, min_size=n, max_size=n))),
        "price": Numbers(draw(arrays.arrays(np.float64, n))),
    }
    names = draw(st.sets(st.text(min_size=1, max_size=5).filter(_encodable), min_size=g, max_size=g))
    catalog = Catalog(
        movie_ids=np.array(ids, np.int64),
        tmdb_ids=integers(np.int64, 2**40),
        titles=tuple(draw(st.lists(st.text(max_size=9).filter(_encodable), min_size=n, max_size=n))),
        years=integers(np.int16, 2100),
        genre_names=tuple(sorted(names)),
        genres=draw(arrays.arrays(np.bool_, (n, g))),
        popularity=integers(np.int32, 10**6),
        item_ids=draw(st.none() | own_ids.map(tuple)),
        columns=columns if draw(st.booleans()) else {},
        noun=draw(st.sampled_from([FILMS, ("book", "books")])),
    )
    return Bundle(
        catalog=catalog,
        two_tower=TwoTower(
            floats(n, d),
            floats(n, d),
            floats(n),
            floats(d, d) if hidden else None,
            floats(d) if hidden else None,
            draw(st.sampled_from(["mean", "sqrt_sum"])),
        ),
        item_cf=replace(
            ItemCF(factors=floats(n, d)) if draw(st.booleans()) else _diagonal(n),
            prior=floats(n) if draw(st.booleans()) else None,
            history=_diagonal(n) if draw(st.booleans()) else None,
        ),
        rerank=RerankConfig(n_candidates=draw(st.integers(1, 1000))),
        data=DataInfo(name="x"),
    )


def _encodable(text: str) -> bool:
    return text.isprintable()


def _diagonal(n: int) -> ItemCF:
    return ItemCF(np.arange(n + 1), np.arange(n, dtype=np.int32), np.ones(n, np.float16))


def _equal(one: Any, other: Any) -> bool:
    return one.keys() == other.keys() and all(
        np.array_equal(one[key], other[key]) and one[key].dtype == other[key].dtype for key in one
    )


@settings(deadline=None, max_examples=40)
@given(contents())
def test_what_is_written_is_what_is_read(given_contents: Bundle) -> None:
    manifest, files = pack(given_contents)
    parts = decode(files, manifest, {})
    assert parts.rerank == given_contents.rerank
    assert parts.two_tower.pooling == given_contents.two_tower.pooling
    assert _equal(parts.two_tower.arrays(), given_contents.two_tower.arrays())
    assert _equal(parts.item_cf.arrays(), given_contents.item_cf.arrays())
    assert parts.catalog.titles == given_contents.catalog.titles
    arrays_of = [{name: getattr(bundle.catalog, name) for name in ARRAYS} for bundle in (parts, given_contents)]
    assert _equal(*arrays_of)
    assert parts.catalog.item_ids == given_contents.catalog.item_ids
    assert parts.catalog.noun == given_contents.catalog.noun
    assert parts.catalog.columns.keys() == given_contents.catalog.columns.keys()
    for name, column in parts.catalog.columns.items():
        np.testing.assert_equal(vars(column), vars(given_contents.catalog.columns[name]))
    assert inconsistencies(parts) == []
    assert encode(given_contents) == files


def test_arrays_that_lie_transposed_in_memory_come_back_in_order(make_contents: Any) -> None:
    made = make_contents(seed=5)
    tower = made.two_tower
    twisted = replace(tower, seed_vectors=np.asfortranarray(tower.seed_vectors))
    manifest, files = pack(replace(made, two_tower=twisted))
    assert np.array_equal(decode(files, manifest, {}).two_tower.seed_vectors, tower.seed_vectors)


def test_arrays_are_read_only(make_contents: Any) -> None:
    manifest, files = pack(make_contents())
    parts = decode(files, manifest, {})
    with pytest.raises(ValueError, match="read-only"):
        parts.two_tower.item_vectors[0, 0] = 1.0


@pytest.mark.parametrize(
    "name", ["two_tower.safetensors", "item_cf.safetensors", "catalog.safetensors", "catalog.json"]
)
@pytest.mark.parametrize("raw", [b"", b"\x80\x04.", b"\xff" * 100, b"{}"])
def test_what_is_not_in_the_format_is_refused_by_name(make_contents: Any, name: str, raw: bytes) -> None:
    manifest, files = pack(make_contents())
    with pytest.raises(BundleError, match=f"^{name}"):
        decode(files | {name: raw}, manifest, {})


def test_columns_find_words_and_ranges() -> None:
    series = Labels.of([["Dune"], [], ["Dune", "SF"], ["Emma"]])
    assert series.having(["dune", "unheard of"]).tolist() == [True, False, True, False]
    assert [places.tolist() for places in series.groups(np.array([2, 1, 3]))] == [[0, 0, 2], [0, 2, 1]]
    assert [series.words(row) for row in range(4)] == [["Dune"], [], ["Dune", "SF"], ["Emma"]]
    prices = Numbers(np.array([1.0, np.nan, 3.0, 9.0]))
    assert prices.between(None, 3).tolist() == [True, False, True, False]
    assert prices.between(None, None).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"item_ids": ("a",)},
        {"item_ids": ("a",) * 50},
        {"columns": {"tag": Labels.of([["a"]])}},
        {"columns": {"tag": replace(Labels.of([["a"]] * 50), names=())}},
    ],
)
def test_items_that_do_not_fit_the_catalogue_are_refused(make_contents: Any, wrong: dict[str, Any]) -> None:
    made = make_contents()
    problems = inconsistencies(replace(made, catalog=replace(made.catalog, **wrong)))
    assert [problem.split(":")[0].split(".")[0] for problem in problems] == ["items"]
