"""Exports of ratings in the formats of their services, about the films of a catalogue; no rating is real."""

import csv
import io
import json
import zipfile
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from marquee.bundle import Bundle
from marquee.models.columns import Numbers


class Film(NamedTuple):
    """A film as the services know it: they call some otherwise than the catalogue does, or date them otherwise."""

    title: str
    year: int
    imdb: int
    stars: float | None = 4.0
    day: str = "2024-11-30"


# Row of the catalogue -> title there, year, number of the IMDb id. The rest of a catalogue is invented.
KNOWN = {
    0: ("The Matrix", 1999, 133093),
    1: ("The Usual Suspects", 1995, 114814),
    2: ("Tenebre", 1982, 84777),
    3: ("Seven (a.k.a. Se7en)", 1995, 114369),
    4: ("Dune", 1984, 87182),
    5: ("Dune", 2000, 142032),
    6: ("Star Wars: Episode IV - A New Hope", 1977, 76759),
    7: ("Star Wars: Episode V - The Empire Strikes Back", 1980, 80684),
    8: ("Amelie (Le Fabuleux destin d'Amélie Poulain)", 2001, 211915),
    9: ("Crouching Tiger, Hidden Dragon (Wo hu cang long)", 2000, 190332),
    10: ("Harry Potter and the Sorcerer's Stone (a.k.a. Harry Potter and the Philosopher's Stone)", 2001, 241527),
    11: ("War of the Worlds", 2005, 407304),
    12: ("War of the Worlds", 2005, 449040),  # two films of one year: one to Marquee
    13: ("Heat", 1995, 113277),
    14: ("Heat", 1986, 91183),
    15: ("Blade Runner", 1982, 83658),
    16: ("The Lord of the Rings", 1978, 77869),
    17: ("The Lord of the Rings: The Two Towers", 2002, 167261),
}
# As Letterboxd writes them, with the row that each must become; None for a doubt, or a film that isn't there.
ODD = [
    (Film("Se7en", 1995, 114369), 3),
    (Film("Star Wars", 1977, 76759), 6),
    (Film("Amélie", 2001, 211915), 8),
    (Film("Crouching Tiger, Hidden Dragon", 2000, 190332), 9),
    (Film("Harry Potter and the Philosopher's Stone", 2001, 241527), 10),
    (Film("Heat", 1996, 113277), 13),
    (Film("War of the Worlds", 2005, 407304), 11),
    (Film("Dune", 2021, 1160419), None),
    (Film("Blade Runner", 2007, 83658), None),  # re-released
    (Film("Tenet", 2020, 6723592), None),
    (Film("Us", 2019, 6857112), None),
]


def bundle_of(contents: Bundle) -> Bundle:
    """The contents with the titles of KNOWN in the first rows, and an IMDb id for each film."""
    catalog = contents.catalog
    titles, years = list(catalog.titles), catalog.years.copy()
    imdb = 9_000_000.0 + np.arange(len(catalog))
    likes = catalog.popularity.copy()
    for row, (title, year, number) in KNOWN.items():
        titles[row], years[row], imdb[row], likes[row] = title, year, number, 400 - row
    likes[14], likes[16] = 3, 10
    columns = {"imdb_id": Numbers(imdb)}
    made = replace(catalog, titles=tuple(titles), years=years, popularity=likes, columns=columns)
    return replace(contents, catalog=made)


def films_of(bundle: Bundle, n: int) -> list[Film]:
    """The last n films of a catalogue, with stars from 0.5 to 5 and days of two years."""
    catalog, imdb = bundle.catalog, bundle.catalog.columns["imdb_id"]
    rows = range(len(catalog) - n, len(catalog))
    return [
        Film(
            catalog.titles[row],
            int(catalog.years[row]),
            int(imdb.values[row]),
            0.5 * (1 + row % 10),
            f"{2023 + row % 2}-{1 + row % 12:02}-{1 + row % 28:02}",
        )
        for row in rows
    ]


def _csv(header: str, rows: list[list[object]], end: str = "\n") -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=end)
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return text.getvalue().encode()


def letterboxd_csv(films: list[Film]) -> bytes:
    """ratings.csv of Letterboxd's export."""
    rows = [[film.day, film.title, film.year, f"https://boxd.it/{at}", film.stars] for at, film in enumerate(films)]
    return _csv("Date,Name,Year,Letterboxd URI,Rating", rows)


def letterboxd_zip(films: list[Film]) -> bytes:
    """The whole export: the films without stars only in watched.csv, and a watch list, which nobody has seen."""
    watched = [[film.day, film.title, film.year, f"https://boxd.it/{at}"] for at, film in enumerate(films)]
    diary = "Date,Name,Year,Letterboxd URI,Rating,Rewatch,Tags,Watched Date"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("watched.csv", _csv("Date,Name,Year,Letterboxd URI", watched))
        archive.writestr("ratings.csv", letterboxd_csv([film for film in films if film.stars]))
        archive.writestr("diary.csv", _csv(diary, []))
        archive.writestr(
            "watchlist.csv", _csv("Date,Name,Year,Letterboxd URI", [["2024-01-01", "The Matrix", 1999, "x"]])
        )
        archive.writestr("deleted/diary.csv", _csv(diary, [["2024-01-01", "Heat", 1995, "x", 1, "", "", "2024-01-01"]]))
    return packed.getvalue()


def imdb_csv(films: list[Film], series: int = 1) -> bytes:
    """ratings.csv of IMDb, with some series for television."""
    header = "Const,Your Rating,Date Rated,Title,Original Title,URL,Title Type,IMDb Rating,Runtime (mins),Year,Genres"
    rows: list[list[object]] = [
        [
            f"tt{film.imdb:07d}",
            int(2 * (film.stars or 0)),
            film.day,
            film.title,
            film.title,
            "x",
            "Movie",
            7.1,
            99,
            film.year,
            "Drama",
        ]
        for film in films
    ]
    rows += [["tt0903747", 10, "2024-01-01", "Heat", "Heat", "x", "TV Series", 9.5, 45, 1995, "Crime"]] * series
    return b"\xef\xbb\xbf" + _csv(header, rows, "\r\n")


def trakt_json(films: list[Film]) -> bytes:
    """Ratings of films and a show as Trakt has them; a show's TMDB id is a film's, too."""
    entries: list[object] = [
        {
            "rated_at": f"{film.day}T20:00:00.000Z",
            "rating": int(2 * (film.stars or 0)),
            "type": "movie",
            "movie": {
                "title": film.title,
                "year": film.year,
                "ids": {"trakt": 1, "slug": "x", "imdb": f"tt{film.imdb:07d}"},
            },
        }
        for film in films
    ]
    show = {"title": "Heat", "year": 1995, "ids": {"trakt": 2, "imdb": "tt0903747", "tmdb": 1001}}
    entries.append({"rated_at": "2024-01-01T00:00:00.000Z", "rating": 9, "type": "show", "show": show})
    episode = {"rating": 8, "type": "episode", "episode": {"season": 1, "number": 1}, "show": show}
    return json.dumps([*entries, episode]).encode()


def movielens_csv(bundle: Bundle, films: list[Film]) -> bytes:
    """movielens-ratings.csv of movielens.org."""
    titles = bundle.catalog.titles
    rows = [
        [
            int(bundle.catalog.movie_ids[titles.index(film.title)]),
            film.imdb,
            "",
            film.stars,
            3.4,
            f"{film.title} ({film.year})",
        ]
        for film in films
    ]
    return _csv("movie_id,imdb_id,tmdb_id,rating,average_rating,title", rows)
