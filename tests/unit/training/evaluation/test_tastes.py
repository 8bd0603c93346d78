"""Lists of one taste: found by title and year, and asked for by their other films."""

import numpy as np
import pandas as pd
import pytest

from marquee.errors import DataError
from marquee_training.evaluation import metrics
from marquee_training.evaluation.cases import pack
from marquee_training.evaluation.tastes import DRAWS, FILE, LEAST_FILMS, find_tastes, taste_cases

TITLES = [
    "Psycho",
    "Psycho",
    "The Birds",
    "Marnie",
    "Rope",
    "Vertigo",
    "Frenzy",
    "Amélie (Fabuleux destin, Le)",
    "Stage Fright",
]
YEARS = [1960, 1998, 1963, 1964, 1948, 1958, 1972, 2001, 1969]
LIKES = np.array([90, 5, 40, 7, 9, 80, 3, 60, 2], dtype=np.int32)
MOVIES = pd.DataFrame({"title": TITLES, "year": YEARS})


def lists(tmp_path, text):
    (tmp_path / "tastes.txt").write_text(text, "utf-8")
    return find_tastes(MOVIES, LIKES, tmp_path / "tastes.txt")


def test_films_are_found_by_title_and_year(tmp_path):
    found = lists(
        tmp_path,
        "# note\n\nh: Psycho (1960); Birds, The (1963); marnie (1964); Rope (1948); Vertigo (1958); Frenzy (1972)\n",
    )
    assert found["h"].tolist() == [0, 2, 3, 4, 5, 6]  # the Psycho of that year


def test_unknown_films_rarely_liked_ones_and_short_lists_are_left_out(tmp_path):
    text = "h: Psycho (1960); The Birds (1963); Marnie (1964); Rope (1948); Vertigo (1958); Topaz (1969); No (1970)"
    assert lists(tmp_path, text) == {}  # five of them are liked by three people
    assert lists(tmp_path, text + "; Amelie (2001)")["h"].tolist() == [0, 2, 3, 4, 5, 7]


def test_a_line_that_is_no_list_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"tastes.txt:1: 'Psycho' is no film"):
        lists(tmp_path, "h: Psycho; The Birds (1963)")


def test_the_lists_of_the_product_are_sound():
    lines = [line for line in FILE.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert len(lines) >= 30
    films = pd.DataFrame([film.rsplit(" (", 1) for line in lines for film in line.split(": ", 1)[1].split("; ")])
    movies = pd.DataFrame({"title": films[0], "year": films[1].str.rstrip(")").astype(int)})
    found = find_tastes(movies, np.full(len(movies), 3, dtype=np.int32))
    assert len(found) == len(lines)
    assert min(map(len, found.values())) >= LEAST_FILMS


def test_a_list_is_asked_for_by_its_other_films():
    tastes = {"a": np.array([1, 3, 4, 7, 8, 9], dtype=np.int32), "b": np.array([0, 2, 5, 6, 10, 11], dtype=np.int32)}
    cases = taste_cases(tastes, 2, 12, seed=1)
    assert cases.people.tolist() == [0] * DRAWS + [1] * DRAWS
    for owner, seeds, targets in cases:
        assert len(seeds) == 2
        assert sorted([*seeds, *targets]) == list(tastes["ab"[owner]])
    again = taste_cases({"a": tastes["a"]}, 2, 12, seed=1)
    assert (again.seeds.toarray() == cases.seeds.toarray()[:DRAWS]).all()


def test_hits_share_and_personalisation_by_hand(monkeypatch):
    monkeypatch.setattr(metrics, "HITS", 2)
    popularity = np.array([9, 8, 1, 1, 1], dtype=np.int32)
    cases = pack([0, 1], [np.array([2], np.int32)] * 2, [np.array([0], np.int32), np.array([3], np.int32)], 5)
    found = metrics.hits_share(np.array([[0, 1], [0, 4]]), cases.targets, popularity)
    assert found.tolist() == [0.5, 0.5]  # film 0 is what the first one looks for
    assert metrics.personalisation(np.array([2, 2]), 2) == 0.0
    assert metrics.personalisation(np.array([1, 1, 1, 1]), 2) == 1.0
    assert metrics.personalisation(np.array([2, 1, 1]), 2) == 0.5
