"""Lists of films that people call one taste, found in a data set by title and year; requests that ask for the rest.

Held-out likes are mostly hits, so accuracy on them says little about whether a list fits: docs/quality.md.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee.search.text import names_of
from marquee_training.evaluation.cases import Cases, pack

FILE = Path(__file__).with_name("tastes.txt")
SEED_COUNTS = (1, 2, 4)
DRAWS = 6
LEAST_LIKES = 3
LEAST_FILMS = 6
LENGTH = 12
_FILM = re.compile(r"^(.+) \((\d{4})\)$")

Tastes = dict[str, NDArray[np.int32]]
"""Name -> (m,) columns of the catalogue, ascending."""


def find_tastes(movies: pd.DataFrame, popularity: NDArray[np.int32], file: Path = FILE) -> Tastes:
    """The films of each list that the data set has.

    Films with fewer likes than LEAST_LIKES are left out, and lists of which fewer than LEAST_FILMS are left. Of several
    films with one name and year the most liked is meant.

    Raises:
        DataError: A line of the file is no list.
    """
    rows: dict[tuple[str, int], int] = {}
    titles, years = movies["title"].tolist(), movies["year"].tolist()
    for row in np.argsort(popularity, kind="stable").tolist():
        rows |= {(name, years[row]): row for name in names_of(titles[row])}
    tastes: Tastes = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        taste, _, films = line.partition(": ")
        found = set()
        for film in films.split("; "):
            if (parts := _FILM.match(film.strip())) is None:
                raise DataError(f"{file}:{number}: {film!r} is no film", fix="write NAME: TITLE (YEAR); TITLE (YEAR)")
            found |= {rows[name, int(parts[2])] for name in names_of(parts[1]) if (name, int(parts[2])) in rows}
        liked = sorted(row for row in found if popularity[row] >= LEAST_LIKES)
        if len(liked) >= LEAST_FILMS:
            tastes[taste] = np.array(liked, dtype=np.int32)
    return tastes


def taste_cases(tastes: Tastes, k: int, n_movies: int, seed: int) -> Cases:
    """K random films of a list as seeds and the others as targets, DRAWS times each; a list is a person."""
    owners, seeds, targets = [], [], []
    for number, films in enumerate(tastes.values()):
        for draw in range(DRAWS):
            order = np.random.default_rng((seed, number, k, draw)).permutation(films)
            owners.append(number)
            seeds.append(order[:k])
            targets.append(order[k:])
    return pack(owners, seeds, targets, n_movies)
