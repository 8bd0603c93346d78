"""Titles: the year split off, articles in reading order."""

import pytest

from marquee_training.data import titles

CASES = {
    "Toy Story (1995)": ("Toy Story", 1995),
    "Matrix, The (1999)": ("The Matrix", 1999),
    "Fabuleux destin d'Amélie Poulain, Le (2001)": ("Le Fabuleux destin d'Amélie Poulain", 2001),
    "American in Paris, An (1951)": ("An American in Paris", 1951),
    "Avventura, L' (1960)": ("L'Avventura", 1960),
    "City of Lost Children, The (Cité des enfants perdus, La) (1995)": (
        "The City of Lost Children (La Cité des enfants perdus)",
        1995,
    ),
    "Babylon 5": ("Babylon 5", 0),
    "2001: A Space Odyssey (1968) ": ("2001: A Space Odyssey", 1968),
    "Death Note: Desu nôto (2006–2007)": ("Death Note: Desu nôto", 2006),
    "1984": ("1984", 0),
    "Good, the Bad and the Ugly, The (1966)": ("The Good, the Bad and the Ugly", 1966),
    "Crow, The: Wicked Prayer (2005)": ("The Crow: Wicked Prayer", 2005),
    "Hate (Haine, La) (1995)": ("Hate (La Haine)", 1995),
    "Boot, Das (Boat, The) (1981)": ("Das Boot (The Boat)", 1981),
    "Suriyothai (a.k.a. Legend of Suriyothai, The) (2001)": ("Suriyothai (a.k.a. The Legend of Suriyothai)", 2001),
    "Black Sabbath (Tre volti della paura, I) (1963)": ("Black Sabbath (I Tre volti della paura)", 1963),
    "Honey, I Shrunk the Kids (1989)": ("Honey, I Shrunk the Kids", 1989),
    "Play It Again, Sam (1972)": ("Play It Again, Sam", 1972),
    "Godzilla (Gojira) (Return of Godzilla, The) (1984)": ("Godzilla (Gojira) (The Return of Godzilla)", 1984),
    "Bottom (1991) (V)": ("Bottom", 1991),
    "Some Series (1997-)": ("Some Series", 1997),
    "1941 (1979)": ("1941", 1979),
    "(1995)": ("(1995)", 0),
    "Far Future (9999)": ("Far Future (9999)", 0),
    "Time (500) Days (2009)": ("Time (500) Days", 2009),
    "": ("", 0),
}


@pytest.mark.parametrize("raw", CASES)
def test_title(raw):
    assert titles.split_title(raw) == CASES[raw]


@pytest.mark.parametrize("title_and_year", CASES.values())
def test_what_filing_order_writes_is_read_back(title_and_year):
    assert titles.split_title(titles.filing_order(*title_and_year)) == title_and_year


def test_filing_order_is_movielens_own():
    assert titles.filing_order("The Matrix", 1999) == "Matrix, The (1999)"
    assert titles.filing_order("An Education", 0) == "Education, An"
    assert titles.filing_order("Up", 2009) == "Up (2009)"
