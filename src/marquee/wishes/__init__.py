"""Wishes in words, such as "something like Spirited Away but for adults, after 2000", read by rules alone."""

from marquee.wishes.contracts import Part, Understood, Wish
from marquee.wishes.parse import Reader

__all__ = ["Part", "Reader", "Understood", "Wish"]
