"""What is written comes back; what is damaged is a data set or a `DataError`, and never anything else."""

import gzip
import re
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset, Genome
from marquee_training.data.movielens import load_movielens, movies_frame, no_tags, ratings_frame
from marquee_training.data.synthetic import synthesize, write_movielens
from marquee_training.data.titles import reading_order, split_title

SHAPES = ("latest", "kaggle", "1m")
# What ML-1M's files can hold: Latin-1, no colon and no tab.
WORDS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc", "Zs"], exclude_characters=":"), min_size=1)
TITLES = st.builds(" ".join, st.lists(WORDS | st.sampled_from(["The", "(1999)", ", An", '"']), min_size=1, max_size=4))
GENRES = st.lists(st.sampled_from(["Action", "Drama", "Film-Noir", "Sci-Fi"]), unique=True).map("|".join)
IDS = st.integers(1, 2**31 - 1)


@st.composite
def films(draw):
    ids = sorted(draw(st.sets(IDS, min_size=1, max_size=6)))
    titles = [draw(TITLES) for _ in ids]
    years = [draw(st.just(0) | st.integers(1870, 2100)) for _ in ids]
    raw = [f"{title} ({year})" if year else title for title, year in zip(titles, years, strict=True)]
    # MovieLens moves one article, so a title that has further ones to move is none.
    assume(all(reading_order(title) == title for title, _ in map(split_title, raw)))
    tmdb = {movie: draw(st.integers(1, 2**53 - 1)) for movie in ids if draw(st.booleans())}
    return movies_frame(np.array(ids), raw, [draw(GENRES) for _ in ids], tmdb)


@st.composite
def datasets(draw):
    """Small data sets with odd titles, ids up to the limit, times before 1970."""
    movies = draw(films())
    ids = movies["movie_id"].tolist()
    pairs = draw(st.sets(st.tuples(IDS, st.sampled_from(ids)), min_size=1, max_size=12))
    n = len(pairs)
    stars = draw(st.lists(st.integers(1, 10), min_size=n, max_size=n))
    times = draw(st.lists(st.integers(-(10**9), 4 * 10**9), min_size=n, max_size=n))
    users, rated = np.array(list(pairs)).T
    return Dataset(
        name="random",
        source="hypothesis",
        ratings=ratings_frame(users, rated, np.array(stars) / 2, np.array(times)),
        movies=movies,
        tags=draw(tags(ids)),
        genome=draw(st.none() | genomes(ids)),
        sha256="0" * 64,
    )


@st.composite
def tags(draw, ids):
    words = WORDS.map(lambda text: text.strip().lower()).filter(bool)
    pairs = sorted(draw(st.sets(st.tuples(st.sampled_from(ids), words), max_size=6)))
    if not pairs:
        return no_tags()
    counts = [draw(st.integers(1, 3)) for _ in pairs]
    frame = pd.DataFrame(pairs, columns=["movie_id", "tag"]).assign(count=counts)
    return frame.astype({"movie_id": "int32", "count": "int32", "tag": "str"})


@st.composite
def genomes(draw, ids):
    scored = sorted(draw(st.sets(st.sampled_from(ids), min_size=1)))
    names = tuple(draw(st.lists(WORDS, min_size=1, max_size=3)))
    share = st.floats(0, 1, width=32)
    relevance = [[draw(share) for _ in names] for _ in scored]
    return Genome(np.array(scored), names, np.array(relevance, dtype=np.float32))


def assert_equal(read, made, shape):
    pd.testing.assert_frame_equal(read.ratings, made.ratings)
    whole = shape != "1m"
    columns = list(made.movies.columns) if whole else ["movie_id", "title", "year", "genres"]
    pd.testing.assert_frame_equal(read.movies[columns], made.movies[columns])
    if not whole:
        assert read.tags.empty
        assert read.genome is None
        return
    order = ["movie_id", "tag"]
    pd.testing.assert_frame_equal(read.tags, made.tags.sort_values(order, ignore_index=True))
    assert (read.genome is None) == (made.genome is None)
    if read.genome and made.genome:
        assert read.genome.tags == made.genome.tags
        np.testing.assert_array_equal(read.genome.movie_ids, made.genome.movie_ids)
        np.testing.assert_allclose(read.genome.relevance, made.genome.relevance, rtol=1e-6)


def comes_back(made, shape):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "set"
        write_movielens(made, folder, shape)
        read = load_movielens(folder)
        assert_equal(read, made, shape)
        for path in list(folder.iterdir()):
            (folder / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 1))
            path.unlink()
        packed = load_movielens(folder)
    assert_equal(packed, made, shape)
    assert packed.sha256 == read.sha256
    # Which ratings are likes, where all are equal; and which rows have no time, which 0 stands for.
    assert all("like" in note or "needs times" in note for note in read.notes + packed.notes)


@pytest.mark.parametrize("shape", SHAPES)
@given(made=datasets())
@settings(max_examples=15, deadline=None)
def test_a_random_data_set_comes_back(shape, made):
    assume(shape != "1m" or not looks_like_utf8("".join(made.movies["title"])))
    comes_back(made, shape)


def looks_like_utf8(text):
    """Whether Latin-1 text would be read as UTF-8, such as "Â¡" as "¡": the reader tries UTF-8 first."""
    raw = text.encode("latin-1")
    try:
        return not raw.isascii() and bool(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return False


@pytest.mark.parametrize("shape", SHAPES)
@given(n_users=st.integers(2, 20), n_movies=st.integers(4, 30), seed=st.integers(0, 1000), genome=st.booleans())
@settings(max_examples=8, deadline=None)
def test_an_invented_data_set_comes_back(shape, n_users, n_movies, seed, genome):
    comes_back(synthesize(n_users, n_movies, n_users * n_movies // 2, seed, genome=genome), shape)


@pytest.fixture(scope="module")
def sound():
    """Per shape, the bytes of each file of a small sound data set."""
    made = synthesize(4, 6, 12)
    files = {}
    with tempfile.TemporaryDirectory() as place:
        for shape in SHAPES:
            folder = Path(place) / shape
            write_movielens(made, folder, shape)
            files[shape] = {path.name: path.read_bytes() for path in folder.iterdir()}
    return files


# Bytes that mean something to a reader of such files, and any others.
PIECES = st.sampled_from(
    [b'"', b",", b"::", b"\n", b"\r", b"\0", b"\xff", b"\xc3", b"nan", b"-", b"0", b"\xef\xbb\xbf"]
)


@st.composite
def damaged(draw, raw):
    raw = bytearray(raw)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(raw)))
        kind = draw(st.sampled_from(["flip", "cut", "insert", "drop", "repeat"]))
        if kind == "flip" and place < len(raw):
            raw[place] = draw(st.integers(0, 255))
        elif kind == "insert":
            raw[place:place] = draw(PIECES | st.binary(min_size=1, max_size=8))
        elif kind == "drop":
            del raw[place : place + draw(st.integers(1, 20))]
        elif kind == "repeat":
            raw[place:place] = raw[place : place + draw(st.integers(1, 60))]
        elif kind == "cut":
            del raw[place:]
    return bytes(raw)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_random_damage_is_a_data_set_or_a_data_error(sound, shape, packed, data):
    name = data.draw(st.sampled_from(sorted(sound[shape])))
    raw = sound[shape][name]
    raw = data.draw(damaged(gzip.compress(raw, mtime=0) if packed else raw))
    with tempfile.TemporaryDirectory() as place:
        for other, content in sound[shape].items():
            if other != name:
                (Path(place) / other).write_bytes(content)
        path = Path(place) / (f"{name}.gz" if packed else name)
        path.write_bytes(raw)
        try:
            dataset = load_movielens(Path(place), progress=False)
        except DataError as error:
            # Damage to a film's id shows where it is rated, so the error may name another file.
            said, fix = error.message, error.fix
        else:
            check_rules(dataset)
            return
    assert re.match(rf"{re.escape(place)}/[\w.-]+, line \d+( or later)?: ", said), said
    assert fix


def check_rules(dataset):
    """What a `Dataset` promises, whatever it was read from."""
    ratings, movies = dataset.ratings, dataset.movies
    assert len(ratings)
    assert ratings["rating"].between(0.5, 5).all()
    assert not ratings.duplicated(["user_id", "movie_id"]).any()
    assert ratings["movie_id"].isin(movies["movie_id"]).all()
    assert ratings["user_id"].min() >= 1
    assert movies["movie_id"].is_monotonic_increasing
    assert movies["movie_id"].is_unique
    assert (movies["tmdb_id"] >= 0).all()
    assert dataset.tags["movie_id"].isin(movies["movie_id"]).all()
    assert [str(kind) for kind in ratings.dtypes] == ["int32", "int32", "float32", "int64"]
    if dataset.genome:
        assert dataset.genome.relevance.shape == (len(dataset.genome.movie_ids), len(dataset.genome.tags))
        assert ((dataset.genome.relevance >= 0) & (dataset.genome.relevance <= 1)).all()
