"""Search by title: beginnings of words, with articles and typos seen through."""

from marquee.search.text import fold
from marquee.search.titles import TitleIndex

__all__ = ["TitleIndex", "fold"]
