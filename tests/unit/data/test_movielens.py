"""Reading MovieLens: every shape comes back whole, and every broken file is one clear error."""

import gzip
import re
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marquee.data.dataset import Dataset
from marquee.data.movielens import load_movielens
from marquee.data.synthetic import synthesize
from marquee.data.write import write_movielens
from marquee.errors import DataError

RATINGS = "userId,movieId,rating,timestamp\n1,10,4.0,100\n1,20,3.5,101\n2,10,0.5,102\n"
MOVIES = 'movieId,title,genres\n10,Heat (1995),Action|Crime\n20,"Matrix, The (1999)",(no genres listed)\n'


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / "movies.csv").write_text(MOVIES)
    (tmp_path / "links.csv").write_text("movieId,imdbId,tmdbId\n10,0113277,949\n20,0133093,\n")
    return tmp_path


def by_pair(frame):
    return frame.sort_values(["user_id", "movie_id"]).reset_index(drop=True)


def test_the_smallest_data_set(folder):
    dataset = load_movielens(folder)
    assert dataset.movies["title"].tolist() == ["Heat", "The Matrix"]
    assert dataset.movies["year"].tolist() == [1995, 1999]
    assert dataset.movies["genres"].tolist() == ["Action|Crime", ""]
    assert dataset.movies["tmdb_id"].tolist() == [949, 0]
    assert dataset.ratings["rating"].tolist() == [4.0, 3.5, 0.5]
    assert [str(kind) for kind in dataset.ratings.dtypes] == ["int32", "int32", "float32", "int64"]
    assert dataset.notes == ()
    assert len(dataset.tags) == 0
    assert dataset.genome is None


@pytest.mark.parametrize("shape", ["latest", "kaggle", "1m"])
@given(
    n_users=st.integers(2, 20),
    n_movies=st.integers(4, 30),
    seed=st.integers(0, 1000),
    genome=st.booleans(),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_written_comes_back(tmp_path, shape, n_users, n_movies, seed, genome):
    shutil.rmtree(tmp_path / "set", ignore_errors=True)
    made = synthesize(n_users, n_movies, n_users * n_movies // 2, seed, genome=genome)
    write_movielens(made, tmp_path / "set", shape)
    read = load_movielens(tmp_path / "set")
    pd.testing.assert_frame_equal(by_pair(read.ratings), by_pair(made.ratings))
    columns = ["movie_id", "title", "year", "genres"] + ([] if shape == "1m" else ["tmdb_id"])
    pd.testing.assert_frame_equal(read.movies[columns], made.movies[columns], check_dtype=True)
    if shape != "1m":
        assert read.tags.to_dict() == made.tags.sort_values(["movie_id", "tag"]).reset_index(drop=True).to_dict()
        assert (read.genome is None) == (made.genome is None)
        if made.genome is not None:
            np.testing.assert_allclose(read.genome.relevance, made.genome.relevance, atol=1e-6)


def test_gzipped_files(folder):
    plain = load_movielens(folder)
    raw = (folder / "ratings.csv").read_bytes()
    (folder / "ratings.csv.gz").write_bytes(gzip.compress(raw))
    (folder / "ratings.csv").unlink()
    pd.testing.assert_frame_equal(load_movielens(folder).ratings, plain.ratings)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(folder):
    (folder / "movies.csv").write_bytes(b"\xef\xbb\xbf" + MOVIES.replace("\n", "\r\n").encode())
    assert load_movielens(folder).movies["title"].tolist() == ["Heat", "The Matrix"]


def test_links_of_unknown_films_are_noted_not_dropped_in_silence(folder):
    with (folder / "links.csv").open("a") as file:
        file.write("99,0000001,5\n98,0000002,6\n")
    (note,) = load_movielens(folder).notes
    assert "links.csv" in note
    assert "2" in note


def test_the_same_files_have_the_same_hash_and_others_another(folder):
    one = load_movielens(folder).sha256
    assert load_movielens(folder).sha256 == one
    (folder / "ratings.csv").write_text(RATINGS.replace("3.5", "3.0"))
    assert load_movielens(folder).sha256 != one


# file, its new text (None = removed), what the message must name
BROKEN = {
    "missing file": ("movies.csv", None, r"movies\.csv is missing"),
    "missing column": ("ratings.csv", RATINGS.replace("rating,", "stars,"), r"line 1: .*rating.* missing"),
    "text in a number": ("ratings.csv", RATINGS.replace("3.5", "good"), r"line 3: .*good"),
    "text in an id": ("ratings.csv", RATINGS.replace("2,10", "two,10"), r"line 4: .*two"),
    "rating too high": ("ratings.csv", RATINGS.replace("4.0", "10"), r"line 2: .*10"),
    "rating too low": ("ratings.csv", RATINGS.replace("4.0", "0"), r"line 2: .*0"),
    "rating not finite": ("ratings.csv", RATINGS.replace("4.0", "nan"), r"line 2: .*nan"),
    "negative id": ("ratings.csv", RATINGS.replace("2,10", "-2,10"), r"line 4: .*-2"),
    "id beyond int32": ("ratings.csv", RATINGS.replace("2,10", "2147483648,10"), r"line 4: .*2147483648"),
    "duplicate pair": (
        "ratings.csv",
        RATINGS + "1,20,5.0,200\n",
        r"line 3.*line 5|line 5.*line 3",
    ),
    "unknown film": ("ratings.csv", RATINGS + "2,77,5.0,200\n", r"line 5: .*77"),
    "duplicate film": (
        "movies.csv",
        MOVIES + "10,Heat again (1995),Drama\n",
        r"line 2.*line 4|line 4.*line 2",
    ),
    "empty file": ("ratings.csv", "", r"line 1: the file is empty"),
    "header only": ("ratings.csv", RATINGS.splitlines()[0] + "\n", r"line 2: there is a header but no row"),
    "too few cells": ("ratings.csv", RATINGS + "3,10\n", r"line 5: .*"),
    "too many cells": ("ratings.csv", RATINGS + "3,10,4.0,5,6\n", r"line 5: .*"),
    "empty cell": ("ratings.csv", RATINGS.replace("3.5", ""), r"line 3: .*"),
    "empty title": ("movies.csv", MOVIES.replace("Heat (1995)", ""), r"line 2: .*"),
    "NUL bytes": ("ratings.csv", RATINGS.replace("3.5", "3\0.5"), r"line 3: .*"),
    "wrong encoding": ("movies.csv", MOVIES.replace("Heat", "Amélie").encode("latin-1"), r"line 2: .*"),
    "bad time": ("ratings.csv", RATINGS.replace(",101", ",yesterday"), r"line 3: .*yesterday"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(folder, case):
    name, text, message = BROKEN[case]
    path = folder / name
    if text is None:
        path.unlink()
    else:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError) as caught:
        load_movielens(folder)
    assert name in caught.value.message
    assert re.search(message, caught.value.message, re.DOTALL), caught.value.message
    assert caught.value.fix


def test_many_bad_rows_are_counted_and_a_few_shown(folder):
    rows = "".join(f"{person},10,bad,1\n" for person in range(3, 1003))
    (folder / "ratings.csv").write_text(RATINGS + rows)
    with pytest.raises(DataError) as caught:
        load_movielens(folder)
    assert re.search(r"99\d more", caught.value.message.replace(",", "")), caught.value.message
    assert len(caught.value.message.splitlines()) < 12


def test_truncated_gzip(folder):
    packed = gzip.compress(RATINGS.encode() + b"".join(b"%d,10,4.0,%d\n" % (i, i * i) for i in range(3, 5000)))
    (folder / "ratings.csv.gz").write_bytes(packed[: len(packed) // 2])
    (folder / "ratings.csv").unlink()
    with pytest.raises(DataError, match=r"ratings\.csv\.gz, line \d+ or later[^$]*cut short"):
        load_movielens(folder)


@pytest.mark.parametrize("what", ["missing", "a file", "empty"])
def test_not_a_movielens_folder(tmp_path, what):
    place = tmp_path / "place"
    if what == "a file":
        place.write_text("")
    elif what == "empty":
        place.mkdir()
    with pytest.raises(DataError) as caught:
        load_movielens(place)
    assert str(place) in caught.value.message
    assert caught.value.fix


@given(data=st.data())
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_damage_is_a_data_set_or_a_data_error(folder, data):
    name = data.draw(st.sampled_from(["ratings.csv", "movies.csv", "links.csv"]))
    original = (folder / name).read_bytes()
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert"]))
        if kind == "flip":
            damaged[place] = data.draw(st.integers(0, 255))
        elif kind == "insert":
            damaged[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        elif place:
            del damaged[place:]
    (folder / name).write_bytes(bytes(damaged))
    try:
        assert isinstance(load_movielens(folder), Dataset)
    except DataError as error:
        assert error.fix  # noqa: PT017 - either outcome is fine
    finally:
        (folder / name).write_bytes(original)
