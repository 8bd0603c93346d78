"""Exports of ratings are read as their services write them, and what is wrong with a file or a row is said."""

import io
import zipfile
from datetime import date

import pytest

from marquee.errors import RequestError
from marquee.ratings import read_export
from tests.exports import Film, imdb_csv, letterboxd_csv, letterboxd_zip, trakt_json

FILMS = [Film("Heat", 1995, 113277, 4.5), Film("Crouching Tiger, Hidden Dragon", 2000, 190332, 0.5, "2020-02-29")]


def seen(export):
    return [(row.title, row.year, row.stars, row.at) for row in export.rows]


EXPECTED = [
    ("Heat", 1995, 4.5, date(2024, 11, 30)),
    ("Crouching Tiger, Hidden Dragon", 2000, 0.5, date(2020, 2, 29)),
]


def test_letterboxds_file_and_its_archive():
    assert seen(read_export(letterboxd_csv(FILMS))) == EXPECTED
    unrated = Film("Alien", 1979, 78748, None)
    export = read_export(letterboxd_zip([*FILMS, unrated]))
    assert seen(export) == [*EXPECTED, ("Alien", 1979, None, date(2024, 11, 30))]
    assert export.problems == []


def test_imdbs_file_with_series():
    export = read_export(imdb_csv(FILMS))
    assert seen(export)[:2] == EXPECTED
    assert [row.imdb_id for row in export.rows] == ["tt0113277", "tt0190332", "tt0903747"]
    assert [row.series for row in export.rows] == [False, False, True]


def test_trakts_file_with_a_show_and_an_episode():
    export = read_export(trakt_json(FILMS))
    assert seen(export)[:2] == EXPECTED
    assert export.rows[2].series
    assert export.rows[2].tmdb_id is None  # a show's isn't a film's
    assert len(export.problems) == 1
    assert "entry 4" in export.problems[0]


PLAIN = {
    "semicolons, decimal commas": (b"title;year;rating\nHeat;1995;4,5\n", ("Heat", 1995, 4.5)),
    "tabs": (b"Title\tRating\nHeat (1995)\t4.5\n", ("Heat", 1995, 4.5)),
    "UTF-16": ("title,year,rating\nAmélie,2001,5\n".encode("utf-16"), ("Amélie", 2001, 5)),
    "Windows": ("title,year,rating\r\nAmélie,2001,5\r\n".encode("cp1252"), ("Amélie", 2001, 5)),
    "of 10": (b"title,rating\nHeat,9\nAlien,2\n", ("Heat", None, 4.5)),
    "of 100": (b"title,rating\nHeat,90\nAlien,2\n", ("Heat", None, 4.5)),
    "thumbs": (b"title,rating\nHeat,1\nAlien,0\n", ("Heat", None, 5)),
    "thumbs down": (b"title,rating\nHeat,-1\nAlien,1\nUp,\n", ("Heat", None, 0.5)),
    "yes and no": (b"title,liked\nHeat,false\nAlien,True\n", ("Heat", None, 0.5)),
    "stars, none above 1": (b"title,rating\nHeat,0.5\nAlien,1\n", ("Heat", None, 0.5)),
    "of 10 by name": (b"Title,Year,Rating10,imdbID\nHeat,1995,5,tt0113277\n", ("Heat", 1995, 2.5)),
    "IMDb before 2017": (
        b'"const","created","Title","Title type","You rated"\n"tt0113277","Mon Jan","Heat","Film","4"\n',
        ("Heat", None, 2),
    ),
    "titles alone": (b"title\nHeat (1995)\n", ("Heat", 1995, None)),
    "empty cells": (b"title,year,rating,date\nHeat,,,\n", ("Heat", None, None)),
    "quotes over lines": (b'title,review,rating\nHeat,"Two\nlines, ""so""",4\n', ("Heat", None, 4)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files(name):
    data, expected = PLAIN[name]
    first = read_export(data).rows[0]
    assert (first.title, first.year, first.stars) == expected


def test_times_and_ids():
    rows = read_export(
        b"movie_id,imdb_id,tmdb_id,rating,timestamp\n1,0114709,862,4,964982703\n2,tt0133093,,3,964982703000\n3,,,2,soon\n"
        b"4,,,2,964982703000000\n5,,,2,964982703000000000\n6,,,2,-5\n"
    ).rows
    assert [row.imdb_id for row in rows] == ["tt0114709", "tt0133093", *[None] * 4]
    assert [row.at for row in rows] == [964982703, 964982703, None, 964982703, 964982703, None]
    assert rows[0].tmdb_id == 862


def test_a_bad_row_is_said_and_the_others_stay():
    export = read_export(
        b"title,year,rating\nHeat,1995,great\n,1995,3\nAlien,79,3\nDune,1984,0.1\na,1,2,3,4\nTenet,2020,4\n\n"
    )
    assert [row.title for row in export.rows] == ["Tenet"]
    assert [problem.split(":")[0] for problem in export.problems] == [f"line {n}" for n in range(2, 7)]
    assert "great" in export.problems[0]


def test_a_film_that_is_there_twice_counts_once_with_its_newest_stars():
    rows = b"title,year,rating,date\nHeat,1995,3,2020-01-01\nHeat,1995,5,2024-01-01\nHeat,1995,,2024-05-05\n"
    (row,) = read_export(rows).rows
    assert (row.stars, row.at) == (5, date(2024, 1, 1))


def test_numbers_out_of_range_cost_no_row():
    rows = read_export(
        b"title,imdb_id,tmdb_id,movie_id,rating,timestamp\n"
        b"Heat,123456789012345,99999999999,1.5,4,1e400\n" + b"x" * 900 + b",,,,inf,\nAlien,,,,nan,\n"
    )
    assert [row.title for row in rows.rows] == ["Heat"]
    assert len(rows.problems) == 2
    (row,) = rows.rows
    assert (row.imdb_id, row.tmdb_id, row.movie_id, row.at) == (None, None, None, None)


def test_an_archive_of_trakt_has_files_of_other_kinds():
    history = trakt_json([Film("Alien", 1979, 78748)])
    files = {"ratings-movies.json": trakt_json(FILMS), "ratings-lists.json": "[]", "user.json": "{}"}
    export = read_export(archive(**files, **{"history/history-1.json": history}))
    assert seen(export)[:2] == EXPECTED
    assert "Alien" in {row.title for row in export.rows}
    assert any("no list of films" in problem for problem in export.problems)


@pytest.mark.parametrize("folder", ["", "letterboxd-you/", "a/b/"])
def test_an_archive_with_other_folders(folder):
    other = letterboxd_csv([Film("Alien", 1979, 78748)])
    names = ["deleted/ratings.csv", f"{folder}orphaned/diary.csv", f"{folder}lists/watched.csv", "README.txt"]
    names += [f"{folder}Watchlist.csv", f"__MACOSX/{folder}._ratings.csv", f"{folder}.watched.csv"]
    export = read_export(archive(**{f"{folder}Ratings.CSV": letterboxd_csv(FILMS)}, **dict.fromkeys(names, other)))
    assert seen(export) == EXPECTED
    assert export.problems == []


def archive(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return packed.getvalue()


WRONG = {
    "empty": (b" \n", "empty"),
    "another table": (b"sku,price\n1,2\n", "sku, price"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "names no title"),
    "broken JSON": (b'[{"movie": ', "not JSON"),
    "other JSON": (b'{"a": 1}', "no list of films"),
    "a cut archive": (letterboxd_zip(FILMS)[:200], "can't be read"),
    "an archive of something else": (archive(**{"readme.txt": "x"}), "no file of ratings"),
    "one endless line": (b"x" * 200_000, "can't be read"),
    "too long": (b"title\n" + b"x" * 21_000_000, "bytes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_a_fix(name):
    data, words = WRONG[name]
    with pytest.raises(RequestError, match=words) as refused:
        read_export(data)
    assert refused.value.fix
