"""A team's own data by a mapping: every format and type, what becomes a like, ids as given, and clear errors."""

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from examples.make import make
from marquee.errors import DataError
from marquee.models.columns import Labels, Numbers
from marquee_training.data.features import content_matrix, to_catalog
from marquee_training.data.movielens import load_movielens
from marquee_training.data.sources import describe, obtain
from marquee_training.data.synthetic import synthesize, write_movielens
from marquee_training.interactions import is_like

EXAMPLES = Path(__file__).parents[3] / "examples"
ACTIONS = '[interactions]\nfiles = "actions.*"\nuser = "who"\nitem = "what"\n'
ITEMS = '[items]\nfiles = "items.*"\nid = "id"\ntitle = "name"\n'
TIMED = ACTIONS + 'time = "t"\n'
THREE = '{"id": "a", "name": "A"}\n{"id": "b", "name": "B"}\n{"id": "c", "name": "C"}\n'
ROWS = "who,what\nu,a\nu,b\nv,a\nv,b\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """`load(mapping, actions=..., items=...)`: the data set of files with these contents, or what refuses them."""

    def read(mapping=ACTIONS + ITEMS, actions=ROWS, items=THREE, names=("actions.csv", "items.jsonl")):
        (tmp_path / "marquee.toml").write_text(mapping)
        for name, content in zip(names, (actions, items), strict=True):
            path = tmp_path / name
            if isinstance(content, pd.DataFrame):
                content.to_parquet(path, index=False)
            elif content is not None:
                raw = content if isinstance(content, bytes) else content.encode()
                path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        monkeypatch.chdir(tmp_path)
        return obtain("marquee.toml")

    return read


def stars_of(dataset):
    """{(user, item): stars}, by the numbers that stand for them."""
    rows = dataset.ratings.itertuples(index=False)
    return {(int(row.user_id), int(row.movie_id)): float(row.rating) for row in rows}


def test_a_bookshop(tmp_path):
    dataset = obtain(make("books", tmp_path / "books", people=60, items=40, rows=900))
    assert dataset.noun == ("book", "books")
    assert dataset.name == "books"
    assert dataset.item_ids is not None
    assert dataset.item_ids[0] == "978-1-00001-1"
    assert dataset.movies["movie_id"].tolist() == list(range(1, 41))
    assert dataset.movies["year"].min() > 1900
    assert (dataset.movies["genres"] != "").all()
    assert isinstance(dataset.columns["author"], Labels)
    assert isinstance(dataset.columns["price"], Numbers)
    assert dataset.columns["series"].words(1) == []
    assert set(dataset.ratings["rating"]) == {2.5, 5.0}
    assert any("like = 1 in [interactions] counts each view" in note for note in dataset.notes)
    facts = describe(dataset)
    read_as = {(one["table"], one["column"]): one["read_as"] for one in facts["columns"]}
    assert read_as["interactions", "session"] == read_as["items", "shelf"] == "ignored"
    assert read_as["items", "blurb"] == "text blurb"
    catalog = to_catalog(dataset, np.ones(40, np.int32))
    assert catalog.item_ids == dataset.item_ids
    features, names = content_matrix(dataset, catalog)
    assert {"price", "text:0"} < set(names)
    assert any(name.startswith("author:") for name in names)
    assert features.shape == (40, len(names))
    assert np.isfinite(features).all()


def test_a_shop_without_genres_and_years(tmp_path):
    dataset = obtain(make("retail", tmp_path, people=60, items=40, rows=900) / "marquee.toml")
    assert dataset.item_ids is not None
    assert dataset.item_ids[0] == 4_000_000_000_017  # a number too long for movie_id stays one
    assert not dataset.movies["year"].any()
    assert to_catalog(dataset, np.ones(40, np.int32)).genre_names == ()
    assert dataset.ratings["timestamp"].min() > 10**9
    assert "\n" in dataset.texts[0]
    assert 0.5 in set(dataset.ratings["rating"])  # what was sent back
    types = {one["column"]: one["type"] for one in describe(dataset)["columns"] if one["table"] == "items"}
    assert (types["price"], types["brand"]) == ("number", "text")  # what filters take, though CSV has text alone


def test_movielens_by_a_mapping_is_the_same(tmp_path):
    write_movielens(synthesize(40, 60, 1000, genome=False), tmp_path)
    own = load_movielens(tmp_path)
    mapped = tmp_path / "mapped.toml"
    mapped.write_bytes((EXAMPLES / "movielens.toml").read_bytes())
    dataset = obtain(mapped)
    pd.testing.assert_frame_equal(dataset.ratings, own.ratings)
    columns = ["movie_id", "title", "year", "genres"]
    pd.testing.assert_frame_equal(dataset.movies[columns], own.movies[columns])
    assert (dataset.item_ids, dataset.noun) == (None, own.noun)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "tsv", "jsonl", "ndjson.gz", "parquet", "folder"])
def test_every_format_gives_the_same(load, tmp_path, kind):
    frame = pd.DataFrame({"who": ["u", "u", "v"], "what": ["a", "b", "a"], "w": [1, 4, 2], "t": [100, 200, 300]})
    lines = "".join(json.dumps(row) + "\n" for row in frame.to_dict("records"))
    text = {"tsv": frame.to_csv(index=False, sep="\t")}.get(kind, frame.to_csv(index=False) if "csv" in kind else lines)
    mapping = ACTIONS + 'weight = "w"\ntime = "t"\nlike = 2\n' + ITEMS
    if kind == "folder":
        (tmp_path / "actions.d" / "day=1").mkdir(parents=True)
        frame.to_parquet(tmp_path / "actions.d" / "day=1" / "part.parquet")
        dataset = load(mapping, actions=None)
    else:
        dataset = load(mapping, actions=frame if kind == "parquet" else text, names=(f"actions.{kind}", "items.jsonl"))
    assert stars_of(dataset) == {(1, 1): 2.5, (1, 2): 5.0, (2, 1): 5.0}
    assert dataset.ratings["timestamp"].tolist() == [100, 200, 300]


@pytest.mark.parametrize(
    ("more", "rows", "stars"),
    [
        ("", ["u,a,,", "u,a,,", "u,b,,"], {(1, 1): 5.0, (1, 2): 5.0}),
        ('weight = "w"\n', ["u,a,2,", "u,a,-2,", "u,b,,"], {(1, 1): 0.5, (1, 2): 5.0}),
        ('weight = "w"\nlike = 3\n', ["u,a,2,", "u,a,1,", "u,b,2,"], {(1, 1): 5.0, (1, 2): 2.5}),
        ('value = "w"\n', ["u,a,4.5,", "u,b,2,"], {(1, 1): 4.5, (1, 2): 2.0}),
        ('value = "w"\n', ["u,a,1,", "u,b,0,"], {(1, 1): 5.0, (1, 2): 0.5}),
        ('value = "w"\n', ["u,a,1,", "u,b,1,"], {(1, 1): 5.0, (1, 2): 5.0}),
        ('value = "w"\n', ["u,a,1,", "u,b,-1,"], {(1, 1): 5.0, (1, 2): 0.5}),
        ('value = "w"\n', ["u,a,True,", "u,b,false,", "v,b,,"], {(1, 1): 5.0, (1, 2): 0.5, (2, 2): 5.0}),
        ('value = "w"\n', ["u,a,0,", "u,b,,"], {(1, 1): 0.5, (1, 2): 5.0}),
        ('value = "w"\nscale = [1, 10]\n', ["u,a,8,", "u,b,1,"], {(1, 1): 4.0, (1, 2): 0.5}),
        ('value = "w"\nscale = [0, 100]\nlike = 60\n', ["u,a,60,", "u,b,0,"], {(1, 1): 4.0, (1, 2): 0.5}),
        # The later value counts; a row without a value counts by its event.
        ('value = "w"\ntime = "t"\n', ["u,a,5,20", "u,a,3,10", "u,b,1,5"], {(1, 1): 5.0, (1, 2): 1.0}),
        ('value = "w"\n', ["u,a,,", "u,b,2,", "v,b,4,"], {(1, 1): 5.0, (1, 2): 2.0, (2, 2): 4.0}),
    ],
)
def test_what_becomes_of_pairs(load, more, rows, stars):
    dataset = load(ACTIONS + more + ITEMS, actions="who,what,w,t\n" + "\n".join(rows) + "\n")
    assert stars_of(dataset) == stars
    said = " ".join(dataset.notes)
    assert ("summed to" in said or "replaced by later ones" in said) == (len(rows) > len(stars))


def test_weights_of_events_are_summed(load):
    rows = "who,what,e\nu,a,view\nu,b,view\nu,b,view\nu,b,view\nu,c,buy\nv,a,buy\nv,a,return\nv,b,hover\nv,c,view\n"
    mapping = ACTIONS + 'event = "e"\nevents = { view = 1, cart = 3, buy = 5, return = -5 }\n' + ITEMS
    dataset = load(mapping, rows)
    assert stars_of(dataset) == {(1, 1): 2.5, (1, 2): 5.0, (1, 3): 5.0, (2, 1): 0.5, (2, 3): 2.5}
    assert is_like(dataset.ratings, 4.0).sum() == 2
    said = " ".join(dataset.notes)
    assert "1 rows left out: the event 'hover' isn't in events" in said
    assert "no row has the event 'cart'" in said
    assert "sum to 3 or more; like = 1 in [interactions] counts each view" in said


@pytest.mark.parametrize(
    ("cells", "seconds"),
    [
        (["1716000000", "1716000001"], [1716000000, 1716000001]),
        (["1716000000000", ""], [1716000000, 0]),
        (["1716000000000", "0"], [1716000000, 0]),
        (["1716000000000000", "1716000001000000"], [1716000000, 1716000001]),
        (["1716000000000000000", "1716000001000000000"], [1716000000, 1716000001]),
        (["-86400", "1716000000"], [-86400, 1716000000]),
        (["2024-05-18T02:40:00Z", "2024-05-18 04:40:01.5+02:00"], [1716000000, 1716000001]),
        (["2024-05-18", "2024-05-18T00:00:01"], [1715990400, 1715990401]),
    ],
)
def test_times_of_any_kind(load, cells, seconds):
    rows = "who,what,t\n" + "".join(f"u,{item},{cell}\n" for item, cell in zip("ab", cells, strict=True))
    assert load(ACTIONS + 'time = "t"\n' + ITEMS, rows).ratings["timestamp"].tolist() == seconds


def test_times_of_parquet(load):
    times = pd.to_datetime(["2024-05-18T02:40:00Z", None]).as_unit("ms")
    frame = pd.DataFrame({"who": [1.0, 1.0], "what": ["a", "b"], "t": times})
    dataset = load(ACTIONS + 'time = "t"\n' + ITEMS, frame, names=("actions.parquet", "items.jsonl"))
    assert dataset.ratings["timestamp"].tolist() == [1716000000, 0]
    assert dataset.ratings["user_id"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("ids", "movie_ids", "own"),
    [
        (["7", "30", "5"], [5, 7, 30], None),
        (["7", "030", "5"], [1, 2, 3], ("030", "5", "7")),
        (["0", "30", "5"], [1, 2, 3], (0, 5, 30)),
        (["x", "30", "ü"], [1, 2, 3], ("30", "x", "ü")),
    ],
)
def test_ids_stay_as_given(load, ids, movie_ids, own):
    dataset = load(ACTIONS, "who,what\n" + "".join(f"u,{one}\n" for one in ids), None)
    assert dataset.movies["movie_id"].tolist() == movie_ids
    assert dataset.item_ids is None if own is None else set(dataset.item_ids or ()) == set(own)
    assert set(dataset.movies["title"]) == set(ids)


def test_text_of_digits_is_text_where_the_file_says_so(load):
    dataset = load(actions=ROWS.replace(",a", ",1"), items=THREE.replace('"a"', '"1"'))
    assert dataset.item_ids == ("1", "b", "c")


def test_columns_of_items(load):
    rows = [
        {
            "id": "a",
            "name": "A",
            "tags": ["x", "y"],
            "n": 3,
            "on": True,
            "day": "1984-06-08",
            "g": "X > Y",
            "tt": "tt0133093",
        },
        {"id": "b", "name": None, "tags": None, "n": None, "on": False, "day": None, "g": "X"},
        {"id": "c", "name": "2001-01-01", "tags": ["x"], "n": 1.5, "on": None, "day": "2001", "g": None},
    ]
    mapping = ACTIONS + ITEMS + 'year = "day"\ngenres = "g"\nimdb_id = "tt"\ncolumns = ["tags", "n", "on"]\n'
    dataset = load(mapping, items="".join(json.dumps(row) + "\n" for row in rows))
    assert dataset.movies["title"].tolist() == ["A", "b", "2001-01-01"]
    assert dataset.movies["year"].tolist() == [1984, 0, 2001]
    assert dataset.movies["genres"].tolist() == ["X|Y", "X", ""]
    tags, numbers, flags = (dataset.columns[name] for name in ("tags", "n", "on"))
    assert isinstance(tags, Labels)
    assert [tags.words(row) for row in range(3)] == [["x", "y"], [], ["x"]]
    assert isinstance(numbers, Numbers)
    assert np.isnan(numbers.values[1])
    assert isinstance(flags, Labels)
    assert flags.names == ("false", "true")
    catalog = to_catalog(dataset, np.ones(3, np.int32))
    assert catalog.rows_of_imdb([133093]) == ([0], [])
    assert {"tags", "imdb_id"} < set(catalog.columns)


@pytest.mark.parametrize(
    "cell",
    ['["X", "Y"]', '"X;Y"', '"X / Y"', '"X, Y"', '[{"id": 1, "name": "X"}, {"name": "Y"}]', r'"[\"X\", \"Y\"]"'],
)
def test_genres_however_they_are_written(load, cell):
    items = THREE.replace('"A"', f'"A", "g": {cell}')
    assert load(ACTIONS + ITEMS + 'genres = "g"\n', items=items).movies["genres"].tolist() == ["X|Y", "", ""]


def test_equal_data_has_an_equal_hash_and_other_data_another(load, tmp_path):
    one = load().sha256
    assert load(actions="what,who\n" + "".join(f"{line[2]},{line[0]}\n" for line in ROWS.split()[1:])).sha256 == one
    assert load(actions=ROWS + "v,c\n").sha256 != one
    assert load(items=THREE.replace("C", "D")).sha256 != one


def test_interactions_of_unknown_items_are_left_out_unless_they_are_most(load):
    dataset = load(actions=ROWS + "v,zzz\n")
    assert len(dataset.ratings) == 4
    assert "1 of 5 interactions are with 1 items that no file lists, such as 'zzz': left out" in dataset.notes
    with pytest.raises(DataError, match="4 of 4 interactions") as error:
        load(items=THREE.replace('"id": "', '"id": "x'))
    assert error.value.fix == "map the same ids in both tables: items have such as 'xa'"


BROKEN = {
    "misspelt key": ({"mapping": ACTIONS.replace("user", "usr")}, "unknown key 'usr' in [interactions]", "'user'"),
    "missing key": ({"mapping": ACTIONS.replace('user = "who"\n', "")}, "user in [interactions] is missing", "add it"),
    "no table": ({"mapping": ITEMS}, "[interactions] is missing", "add it"),
    "key of another type": ({"mapping": ACTIONS + "time = 3"}, "time = 3 in [interactions]: Input", "correct it"),
    "event of another type": (
        {"mapping": ACTIONS + 'event = "e"\nevents = { a = "x" }'},
        "events = 'x' in [interactions]: Input",
        "correct it",
    ),
    "events alone": (
        {"mapping": ACTIONS + "events = { a = 1 }"},
        "event and events come together",
        "in [interactions]",
    ),
    "noun": ({"mapping": 'noun = "book"\n' + ACTIONS}, "noun is one word for one", 'noun = ["book", "books"]'),
    "no TOML": ({"mapping": "user = x"}, "marquee.toml: not TOML", "correct it"),
    "taken column": ({"mapping": ACTIONS + ITEMS + 'columns = ["year"]'}, "columns can't have year", "in [items]"),
    "no column": ({"actions": "who,which\nu,a\n"}, "actions.csv has no column 'what'", "did you mean 'who'?"),
    "two columns": ({"actions": "who,what,who\nu,a,u\n"}, "line 1: two columns are called who", "rename"),
    "empty": ({"actions": ""}, "actions.csv is empty", "copied whole"),
    "header": ({"actions": "who,what\n"}, "actions.csv: no interaction is left", "hold rows"),
    "cells": ({"actions": ROWS + "u\n"}, "actions.csv, line 6: Expected 2 columns, got 1", "2 cells"),
    "UTF-16": ({"actions": ROWS.encode("utf-16")}, "this is UTF-16", "iconv -f utf-16"),
    "Latin-1": ({"actions": ROWS.encode() + b"\xe9,a\n"}, "actions.csv, line 6: this isn't UTF-8", "iconv -f latin1"),
    "Latin-1 in JSON": ({"items": THREE.encode() + b'{"id": "\xe9"}\n'}, "items.jsonl, line 4: this isn't", "iconv"),
    "bad line": ({"items": THREE + '\n{"id": \n'}, "items.jsonl, line 5: not JSON", "one JSON object on each line"),
    "a list": ({"items": "[]"}, "items.jsonl: a JSON list", "jq -c"),
    "no object": ({"items": THREE + "[1]\n"}, "items.jsonl, line 4: not an object", "on each line"),
    "mixed ids": ({"items": THREE + '{"id": 3}\n'}, 'line 4: id is 3, but "c" in a line before', "all as text"),
    "item twice": ({"items": THREE + '{"id": "b"}\n'}, "items.jsonl, line 4: id 'b' again, after line 2", "one row"),
    "no id": ({"items": THREE + '{"id": null}\n'}, "items.jsonl, line 4: id is empty", "an id"),
    "no match": (
        {"mapping": ACTIONS.replace("actions.*", "nothing.*")},
        "no file of data matches nothing.*",
        "correct",
    ),
    "no kind": ({"mapping": ACTIONS.replace("actions.*", "marquee.toml")}, "its kind is unknown", "ends in .parquet"),
    "weight": (
        {"mapping": ACTIONS + 'weight = "w"', "actions": "who,what,w\nu,a,1\n\nu,b,x\n"},
        "actions.csv, line 4: w is 'x', not a number",
        "write a number",
    ),
    "scale": (
        {"mapping": ACTIONS + 'value = "w"', "actions": "who,what,w\nu,a,80\nu,b,20\n"},
        "w runs from 20 to 80, not from 0.5 to 5",
        "scale = [20, 80]",
    ),
    "out of scale": (
        {"mapping": ACTIONS + 'value = "w"\nscale = [1, 10]', "actions": "who,what,w\nu,a,8\nu,b,20\n"},
        "actions.csv, line 3: w is '20', and scale = [1, 10]",
        "correct scale",
    ),
    "time": (
        {"mapping": TIMED, "actions": "who,what,t\nu,a,2024-01-01\nu,b,soon\n"},
        "actions.csv, line 3: t is 'soon', not a time",
        "2024-05-17T08:30:00Z",
    ),
    "late": (
        {"mapping": TIMED, "actions": "who,what,t\nu,a,2024-01-01\nu,b,2999-01-01\n"},
        "line 3: t is '2999-01-01', which is after the year 2099",
        "in one unit",
    ),
    "far out": (
        {"mapping": TIMED, "actions": "who,what,t\nu,a,1716000000\nu,b,253402300800\n"},
        "actions.csv, line 3: t is '253402300800', which is after the year 2099",
        "in one unit",
    ),
    "long ago": (
        {"mapping": TIMED, "actions": "who,what,t\nu,a,-99999999999\n"},
        "or before the year 1",
        "in one unit",
    ),
    "two units": (
        {"mapping": TIMED, "actions": "who,what,t\nu,a,1716000000000\nv,b,1716000000000\nu,b,1716000000\n"},
        "line 4: t is '1716000000', of another unit than most of the column",
        "seconds or milliseconds",
    ),
    "no names": (
        {"mapping": ACTIONS + ITEMS + 'genres = "g"', "items": THREE.replace('"A"', '"A", "g": [{"id": 28}]')},
        "items.jsonl, row 1: g is [{'id': 28}], which is no list of names",
        'write ["Action", "Comedy"]',
    ),
    "no likes": ({"mapping": ACTIONS + "like = 9"}, "no pair of a user and an item is a like", "lower like"),
    "no bucket": ({"mapping": ACTIONS.replace("actions.*", "ftp://a/b.csv")}, "ftp://a is not the address", "s3://"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_refused_with_its_place_and_a_fix(load, name):
    given, message, fix = BROKEN[name]
    with pytest.raises(DataError) as error:
        load(**given)
    assert message in error.value.message
    assert fix in error.value.fix


@pytest.mark.parametrize(("name", "cut"), [("actions.parquet", 40), ("actions.csv.gz", 12), ("actions.jsonl.gz", 12)])
def test_a_truncated_file_is_damaged(load, tmp_path, name, cut):
    frame = pd.DataFrame({"who": ["u", "v"] * 50, "what": ["a", "b"] * 50})
    text = frame.to_csv(index=False) if "csv" in name else frame.to_json(orient="records", lines=True)
    load(actions=frame if "parquet" in name else text, names=(name, "items.jsonl"))
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-cut])
    with pytest.raises(DataError, match=f"{name} can't be read") as error:
        obtain("marquee.toml")
    assert "copy or download it again" in error.value.fix


def test_marks_of_encoding_are_read_over(load):
    dataset = load(actions=b"\xef\xbb\xbf" + ROWS.encode(), items=b"\xef\xbb\xbf" + THREE.encode())
    assert len(dataset.ratings) == 4


def test_a_bucket(s3, tmp_path, monkeypatch):
    import boto3

    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
    for name, value in {"AWS_ENDPOINT": s3, **keys}.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
    client.create_bucket(Bucket="shop")
    folder = make("books", tmp_path, people=30, items=20, rows=200)
    for path in folder.rglob("*.*"):
        client.upload_file(str(path), "shop", f"data/{os.path.relpath(path, folder)}")
    dataset = obtain("s3://shop/data")
    local = obtain(folder)
    assert (dataset.sha256, dataset.name) == (local.sha256, "data")
    pd.testing.assert_frame_equal(dataset.ratings, local.ratings)
    (tmp_path / "far.toml").write_text(ACTIONS.replace("actions.*", "s3://shop/data/nothing/*.parquet"))
    with pytest.raises(DataError, match=r"no file of data matches s3://shop/data/nothing"):
        obtain(tmp_path / "far.toml")
    with pytest.raises(DataError, match=r"s3://shop/none/marquee.toml doesn't exist"):
        obtain("s3://shop/none")
