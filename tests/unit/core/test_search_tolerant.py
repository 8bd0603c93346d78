"""Search sees through typos, articles and other ways of writing; what matches exactly always comes first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marquee.search import TitleIndex
from marquee.search.text import Prefixes, initials_of, names_of, spelling_variants, subtitles_of
from marquee.search.typos import Typos, edits_allowed

FILMS = {
    "The Matrix": (1999, 90),
    "The Matrix Reloaded": (2003, 50),
    "The Shawshank Redemption": (1994, 99),
    "Schindler's List": (1993, 80),
    "Spider-Man": (2002, 40),
    "Spider-Man 2": (2004, 45),
    "Seven (a.k.a. Se7en)": (1995, 70),
    "Rocky II": (1979, 20),
    "Inglorious Bastards": (1978, 2),
    "Inglourious Basterds": (2009, 60),
    "Star Wars: Episode IV": (1977, 95),
    "A Star Is Born": (2018, 15),
    "Fast & Furious": (2009, 10),
    "Matrix": (1993, 1),
    "Her": (2013, 33),
    "Hero (Ying xiong)": (2002, 30),
    "Amelie (Le Fabuleux destin d'Amélie Poulain)": (2001, 65),
}
TITLES = tuple(FILMS)


@pytest.fixture(scope="module")
def index(make_contents):
    years, likes = zip(*FILMS.values(), strict=True)
    return TitleIndex(
        replace(
            make_contents(n_movies=len(FILMS)).catalog,
            titles=TITLES,
            years=np.array(years, dtype=np.int16),
            popularity=np.array(likes, dtype=np.int32),
        )
    )


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("shawshenk", "The Shawshank Redemption"),
        ("shawshank redemtion", "The Shawshank Redemption"),  # codespell:ignore redemtion
        ("matirx 1999", "The Matrix"),  # codespell:ignore matirx
        ("matrx relaoded", "The Matrix Reloaded"),  # codespell:ignore relaoded
        ("schindlers list", "Schindler's List"),
        ("shindlers lsit", "Schindler's List"),  # codespell:ignore lsit
        ("spiderman", "Spider-Man"),
        ("spiderman 2", "Spider-Man 2"),
        ("se7en", "Seven (a.k.a. Se7en)"),
        ("rocky 2", "Rocky II"),
        ("star was", "Star Wars: Episode IV"),
        ("fast and furious", "Fast & Furious"),
        ("fast & furius", "Fast & Furious"),
        ("amelei", "Amelie (Le Fabuleux destin d'Amélie Poulain)"),
        ("le fabuleux destin d'amelie poulain", "Amelie (Le Fabuleux destin d'Amélie Poulain)"),
        ("hero ying xiong", "Hero (Ying xiong)"),
    ],
)
def test_what_people_type_finds_what_they_mean(index, query, first):
    assert TITLES[index.search(query, 5)[0]] == first


@pytest.mark.parametrize("query", ["the matrix", "matrix, the", "Matrix The", "MATRIX", "a matrix"])
def test_articles_in_front_and_at_the_end_make_no_difference_to_what_is_found(index, query):
    found = [TITLES[row] for row in index.search(query, 5)]
    assert set(found) == {"The Matrix", "Matrix", "The Matrix Reloaded"}
    assert found[0] == ("The Matrix" if query == "the matrix" else "Matrix" if query == "MATRIX" else found[0])
    assert found[2] == "The Matrix Reloaded"


def test_exact_matches_come_before_tolerant_ones_however_popular(index):
    found = [TITLES[row] for row in index.search("inglorious bastards", 5)]
    assert found == ["Inglorious Bastards", "Inglourious Basterds"]


def test_among_equally_good_matches_the_popular_film_comes_first(index):
    assert [TITLES[row] for row in index.search("spider", 5)] == ["Spider-Man 2", "Spider-Man"]


def test_short_names_found_whole_have_no_neighbours(index):
    assert [TITLES[row] for row in index.search("hero", 5)] == ["Hero (Ying xiong)"]


def test_a_wrong_year_finds_nothing(index):
    assert index.search("matirx 1955", 5) == []  # codespell:ignore matirx


def test_names_are_looked_up_by_popularity(index):
    assert [TITLES[row] for row in index.called("matrix")] == ["The Matrix", "Matrix"]
    assert [TITLES[row] for row in index.called("se7en")] == ["Seven (a.k.a. Se7en)"]
    assert len(index.called("matri")) == 0


def plain_edits(a: str, b: str) -> int:
    """The restricted Damerau-Levenshtein distance as the textbooks write it, to compare with."""
    table = [[max(i, j) if 0 in {i, j} else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


WORD = st.text(alphabet="abc", min_size=1, max_size=9)


@settings(deadline=None)
@given(words=st.lists(WORD, min_size=1, max_size=20, unique=True), asked=WORD)
def test_edits_are_those_of_the_textbook(words, asked):
    allowed = edits_allowed(asked)
    near, edits = Typos(words).near(asked, allowed)
    for position, count in zip(near, edits, strict=True):
        word = words[position]
        assert count == min(plain_edits(asked, word[:end]) for end in range(len(word) + 1))
        assert count <= allowed


@settings(deadline=None)
@given(word=st.text(alphabet="abcdefgh", min_size=4, max_size=12), at=st.integers(0, 11), letter=st.sampled_from("xyz"))
def test_one_changed_letter_is_always_seen_through(word, at, letter):
    at %= len(word)
    near, _ = Typos([word, "unlike"]).near(word[:at] + letter + word[at + 1 :], 1)
    # Four letters have four trigrams, of which a change in the middle breaks three: one is left to find it by.
    assert 0 in near


def test_numbers_and_short_words_are_not_bent():
    assert [edits_allowed(word) for word in ("2001", "her", "heat", "shawshenk")] == [0, 0, 1, 2]
    assert edits_allowed("was", alone=False) == 1


def test_prefixes():
    keys = Prefixes([("heat", 3), ("heather", 1), ("her", 2), ("heat", 7)])
    assert keys.starting("hea").tolist() == [3, 7, 1]
    assert keys.exactly("heat").tolist() == [3, 7]
    assert keys.exactly("hea").tolist() == keys.at([]).tolist() == []
    assert keys.starting("").tolist() == [3, 7, 1, 2]


def test_names_and_numerals():
    assert names_of("Seven (a.k.a. Se7en)") == {"seven a k a se7en", "seven", "se7en"}
    assert names_of("The Matrix") == {"matrix"}
    assert names_of("...") == set()
    assert subtitles_of("Star Wars: Episode V - The Empire Strikes Back") == {"episode v", "empire strikes back"}
    assert initials_of("E.T. the Extra-Terrestrial") == {"et"}
    assert initials_of("A Bug's Life, Vol. 2 3") == set()
    written = {"2": ("ii", "two"), "xiii": ("13",), "twelve": ("12",), "doctor": ("dr",), "mr": ("mister",)}
    assert {word: spelling_variants(word) for word in written} == written
    assert [spelling_variants(word) for word in ("14", "0", "007", "heat")] == [()] * 4


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("twelve angry men", "12 Angry Men"),
        ("7 samurai", "Seven Samurai"),
        ("doctor strangelove", "Dr. Strangelove"),
        ("et", "E.T. the Extra-Terrestrial"),
        ("heat 1996", "Heat"),
        ("harry potter 3", "Harry Potter and the Chamber of Secrets"),
        ("007", None),
        ("harry potter 1977", None),
    ],
)
def test_people_write_numbers_initials_and_years_otherwise(make_contents, query, first):
    titles = ("12 Angry Men", "Seven Samurai", "Dr. Strangelove", "E.T. the Extra-Terrestrial", "Ethan", "Heat")
    titles += ("Harry Potter and the Chamber of Secrets", "Saw VII")
    catalog = make_contents(n_movies=len(titles)).catalog
    years = np.array([1995] * len(titles), dtype=np.int16)
    found = TitleIndex(replace(catalog, titles=titles, years=years)).search(query, 3)
    assert [titles[row] for row in found[:1]] == ([first] if first else [])


def test_a_title_among_27000_is_found_by_a_misspelt_word(make_contents):
    rng = np.random.default_rng(5)
    made = ["".join(rng.choice(list("abcdefghilmnoprstu"), rng.integers(3, 10))) for _ in range(3000)]
    catalog = make_contents(n_movies=27_000, dimensions=1).catalog
    titles = [" ".join(made[at] for at in rng.integers(0, len(made), 3)) for _ in range(27_000)]
    index = TitleIndex(replace(catalog, titles=tuple(titles)))
    target = next(row for row, title in enumerate(titles) if min(map(len, title.split())) >= 6)
    first, *rest = titles[target].split()
    query = " ".join([first[:2] + "q" + first[3:], *rest])
    assert index.search(query, 3)[0] == target
