"""A catalogue of films that sentences speak of."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.search import TitleIndex
from marquee.wishes import Reader

GENRES = (
    "(no genres listed)|Action|Adventure|Animation|Children|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|"
    "IMAX|Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western"
).split("|")
# Title, year, likes. Rows have the MovieLens ids 1, 4, 7, ... and the TMDB ids 1001, 1004, ...
FILMS = (
    ("Spirited Away (Sen to Chihiro no kamikakushi)", 2001, 90),
    ("The Matrix", 1999, 99),
    ("Matrix", 1993, 1),
    ("Inception", 2010, 95),
    ("Cars", 2006, 40),
    ("Alien", 1979, 80),
    ("Prometheus", 2012, 20),
    ("Heat", 1995, 70),
    ("Heat", 1986, 2),
    ("Casablanca", 1942, 60),
    ("Titanic", 1997, 75),
    ("Up", 2009, 65),
    ("It", 1990, 10),
    ("War", 2007, 5),
    ("Star Wars: Episode IV - A New Hope", 1977, 98),
    ("Star Wars: Episode I - The Phantom Menace", 1999, 50),
    ("2001: A Space Odyssey", 1968, 55),
    ("The Good, the Bad and the Ugly", 1966, 45),
    ("No Country for Old Men", 2007, 44),
    ("Scary Movie", 2000, 15),
    ("Robots", 2005, 12),
    ("Before Sunrise", 1995, 33),
    ("Monsters, Inc.", 2001, 66),
    ("Dr. Strangelove or: How I Learned to Stop Worrying", 1964, 61),
    ("1984", 1984, 9),
    ("Kill Bill: Vol. 1", 2003, 57),
    ("Like Mike", 2002, 3),
    ("Seven (a.k.a. Se7en)", 1995, 71),
    ("Of unknown year", 0, 4),
    ("Unlisted Wonder", 2015, 4),
    ("Amélie", 2001, 62),
    ("Harry Potter and the Goblet of Fire", 2005, 58),
    ("The Lord of the Rings: The Two Towers", 2002, 85),
    ("10 Years", 2011, 4),
    ("Last Year at Marienbad", 1961, 5),
    ("Oscar", 1967, 2),
    ("The American", 2010, 1),
    ("King Kong", 2005, 15),
    ("King Kong", 1933, 13),
    ("Parasite", 1982, 0),
    ("Wild", 2014, 6),
)
ID = {title: 3 * row + 1 for row, (title, _, _) in reversed(list(enumerate(FILMS)))}


@pytest.fixture(scope="session")
def films(make_contents):
    catalog = make_contents(n_movies=len(FILMS)).catalog
    titles, years, likes = zip(*FILMS, strict=True)
    tmdb = catalog.tmdb_ids.copy()
    tmdb[titles.index("Unlisted Wonder")] = 0
    return replace(
        catalog,
        titles=titles,
        years=np.array(years, dtype=np.int16),
        popularity=np.array(likes, dtype=np.int32),
        tmdb_ids=tmdb,
        genre_names=tuple(GENRES),
        genres=np.eye(len(FILMS), len(GENRES), dtype=np.bool_),
    )


@pytest.fixture(scope="session")
def reader(films):
    return Reader(films, TitleIndex(films), "v1")
