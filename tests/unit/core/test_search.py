"""Search by title."""

from dataclasses import replace

import numpy as np
import pytest

from marquee.search import TitleIndex, fold

TITLES = ("Heat", "The Heat", "Heat Wave", "Amélie", "WALL·E", "2001: A Space Odyssey", "Blade Runner 2049", "Heat")
YEARS = (1995, 2013, 1990, 2001, 2008, 1968, 2017, 1986)
LIKES = (50, 40, 99, 10, 20, 30, 5, 3)


@pytest.fixture
def find(make_contents):
    catalog = replace(
        make_contents(n_movies=len(TITLES)).catalog,
        titles=TITLES,
        years=np.array(YEARS, dtype=np.int16),
        popularity=np.array(LIKES, dtype=np.int32),
    )
    index = TitleIndex(catalog)
    return lambda query, limit=10: index.search(query, limit)


def test_the_whole_title_comes_first_then_its_beginning_then_any_word(find):
    assert find("heat") == [0, 7, 1, 2]


@pytest.mark.parametrize(
    ("query", "row"), [("amelie", 3), ("wall e", 4), ("AMÉLIE", 3), ("2001", 5), ("space od", 5), ("blade 2049", 6)]
)
def test_accents_case_and_punctuation_do_not_matter(find, query, row):
    assert find(query) == [row]


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
