"""Wishes in words, such as "something like Spirited Away but for adults, after 2000", read by rules alone."""

from marquee.sentence.contracts import Part, Understood, Wish
from marquee.sentence.understand import Reader

__all__ = ["Part", "Reader", "Understood", "Wish"]
