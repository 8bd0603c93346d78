"""Titles: the year split off, articles in reading order."""

import pytest

from marquee.data import titles

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
}


@pytest.mark.parametrize("raw", CASES)
def test_title(raw):
    assert titles.split_title(raw) == CASES[raw]
