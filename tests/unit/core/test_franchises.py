"""Series by titles."""

import numpy as np
import pytest

from marquee.films import franchises
from marquee.models.catalog import Catalog

ADVENTURE, COMEDY = [True, False], [False, True]


def series_of(*films):
    """Numbers of the series of films, given as title, genres and angle of the vector in degrees."""
    n = len(films)
    ids = np.arange(1, n + 1, dtype=np.int64)
    genres = np.array([genre for _, genre, _ in films])
    zeros = np.zeros(n, np.int16)
    catalog = Catalog(ids, ids, tuple(film[0] for film in films), zeros, ("A", "B"), genres, zeros.astype(np.int32))
    angles = np.radians([angle for *_, angle in films])
    return franchises(catalog, np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)).tolist()


def together(*films):
    return len(set(series_of(*films))) == 1


@pytest.mark.parametrize(
    "titles",
    [
        ("Toy Story", "Toy Story 2", "Toy Story 3"),
        ("Rocky", "Rocky II", "Rocky IV"),
        ("Star Wars: Episode IV - A New Hope", "Star Wars: Episode V - The Empire Strikes Back"),
        ("Harry Potter and the Chamber of Secrets", "Harry Potter and the Goblet of Fire"),
        ("The Lord of the Rings: The Two Towers", "The Lord of the Rings: The Return of the King"),
        (
            "Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark)",
            "Indiana Jones and the Last Crusade",
        ),
        ("Alien³ (a.k.a. Alien 3)", "Alien"),
        ("The Hangover", "The Hangover Part II"),
        ("Amélie", "Amelie 2"),
    ],
)
def test_numbered_or_named_parts_are_a_series_whoever_likes_them(titles):
    assert together(*((title, ADVENTURE, 80 * place) for place, title in enumerate(titles)))


def test_a_title_that_another_begins_with_needs_the_same_people():
    assert together(("The Matrix", ADVENTURE, 0), ("The Matrix Reloaded", ADVENTURE, 30))
    assert not together(("Alien", ADVENTURE, 0), ("Alien Nation", ADVENTURE, 60))
    assert not together(("The Matrix", ADVENTURE, 0), ("The Matrix Reloaded", COMEDY, 30))


def test_a_single_word_in_common_needs_them_too():
    assert not together(("Heat", ADVENTURE, 0), ("The Heat", ADVENTURE, 60))
    assert not together(("Mission: Impossible", ADVENTURE, 0), ("The Mission", ADVENTURE, 60))


def test_what_hangs_together_is_one_series():
    numbers = series_of(
        ("The Terminator", ADVENTURE, 0),
        ("Terminator 2: Judgment Day", ADVENTURE, 90),
        ("Terminator Salvation", ADVENTURE, 10),
        ("Titanic", ADVENTURE, 0),
    )
    assert numbers == [0, 0, 0, 3]


def test_a_title_of_a_number_alone_is_a_title():
    assert series_of(("300", ADVENTURE, 0), ("9", ADVENTURE, 90), ("II", ADVENTURE, 45)) == [0, 1, 2]
