"""Search by title."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.search import TitleIndex, fold

TITLES = ("Heat", "The Heat", "Heat Wave", "Amélie", "WALL·E", "2001: A Space Odyssey", "Blade Runner 2049", "Heat")
YEARS = (1995, 2013, 1990, 2001, 2008, 1968, 2017, 1986)
LIKES = (50, 40, 99, 10, 20, 30, 5, 3)


@pytest.fixture
def searching(make_contents):
    def searching(titles, years, likes):
        catalog = replace(
            make_contents(n_movies=len(titles)).catalog,
            titles=titles,
            years=np.array(years, dtype=np.int16),
            popularity=np.array(likes, dtype=np.int32),
        )
        index = TitleIndex(catalog)
        return lambda query, limit=10: index.search(query, limit)

    return searching


@pytest.fixture
def find(searching):
    return searching(TITLES, YEARS, LIKES)


def test_the_whole_title_comes_first_then_its_beginning_then_any_word(find):
    assert find("heat") == [0, 7, 1, 2]


@pytest.mark.parametrize(
    ("query", "row"), [("amelie", 3), ("wall e", 4), ("AMÉLIE", 3), ("2001", 5), ("space od", 5), ("blade 2049", 6)]
)
def test_accents_case_and_punctuation_do_not_matter(find, query, row):
    assert find(query) == [row]


@pytest.mark.parametrize("query", ["lord of the rings", "the lord of the rings"])
def test_a_series_is_its_films_before_an_unknown_one_of_that_name(searching, query):
    titles = ("The Lord of the Rings", "The Lord of the Rings: The Two Towers", "The Lord of the Rings: The Return")
    find = searching(titles, (1978, 2002, 2003), (5, 70, 90))
    assert find(query) == [2, 1, 0]


@pytest.mark.parametrize(
    ("query", "titles", "likes", "expected"),
    [
        (  # an unknown sequel is no better match than the original, which has an article
            "mill massacre",
            ("Mill Massacre: The Next One", "The Mill Massacre", "The Mill Massacre", "The Mill Massacre 2"),
            (0, 5, 0, 0),
            [1, 2, 0, 3],
        ),
        ("robin hood", ("Robin Hood: Men in Tights", "Robin Hood", "Robin Hood"), (24, 16, 2), [1, 2, 0]),
        ("spirit shell", ("Spirit Shell", "Spirit Shell (Kôkaku)", "Spirit Shell: More"), (1, 20, 30), [1, 0, 2]),
        ("lost raiders", ("Lost Raiders: The Remake", "Lost Raiders (Jones and the Lost)"), (3, 163), [1, 0]),
        ("the mill massacre", ("The Mill Massacre: Again", "Mill Massacre"), (9, 8), [1, 0]),
    ],
)
def test_a_whole_title_comes_before_parts_of_a_series_and_the_best_known_first(
    searching, query, titles, likes, expected
):
    assert searching(titles, [2000 + n for n in range(len(titles))], likes)(query) == expected


def test_one_word_means_the_film_of_that_name_before_its_series(searching):
    find = searching(("Alien", "Alien: Resurrection", "Aliens"), (1979, 1997, 1986), (20, 30, 40))
    assert find("alien") == [0, 2, 1]


def test_a_year_narrows(find):
    assert find("heat 1986") == [7]
    assert find("heat 1977") == []


@pytest.mark.parametrize("query", ["", "   ", "...", "zzz", "\0", "🎬"])
def test_nothing_to_find(find, query):
    assert find(query) == []


def test_limit(find):
    assert find("heat", 2) == [0, 7]


def test_fold():
    assert fold("  Cité des ENFANTS  perdus, La!") == "cite des enfants perdus la"
