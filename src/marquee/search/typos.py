"""Words that are close to a misspelt one.

Trigrams pick words that can be close at all (Ukkonen, "Approximate string-matching with q-grams and maximal matches",
1992: an edit breaks at most q of them), then the restricted Damerau-Levenshtein distance decides: one edit inserts,
drops or changes a letter or swaps two neighbours (Damerau, "A technique for computer detection and correction of
spelling errors", 1964). It is computed for all of them at once, one numpy operation per pair of letters.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MAX_LETTERS = 24
_MAX_COMPARED = 400


def edits_allowed(word: str, *, alone: bool = True) -> int:
    """How many edits a word may be away: short ones have too many neighbours to be alone, numbers none at all."""
    if len(word) < (4 if alone else 3) or word.isdigit():
        return 0
    return 1 if len(word) < 8 else 2


class Typos:
    """Finds positions of the `words` whose beginning is close to a given one; letters after the 24th don't count."""

    def __init__(self, words: Sequence[str]) -> None:
        self._lengths = np.array([min(len(word), MAX_LETTERS) for word in words], dtype=np.int64)
        self._letters = np.zeros((len(words), MAX_LETTERS), dtype=np.uint32)
        postings: defaultdict[str, list[int]] = defaultdict(list)
        for position, word in enumerate(words):
            self._letters[position, : self._lengths[position]] = _codes(word)
            for trigram in _trigrams(word[:MAX_LETTERS]):
                postings[trigram].append(position)
        self._postings = {trigram: np.array(found, dtype=np.int64) for trigram, found in postings.items()}

    def near(self, word: str, allowed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of words that begin at most `allowed` edits away from `word`, and how many edits that is."""
        word = word[:MAX_LETTERS]
        trigrams = _trigrams(word)
        postings = [self._postings[trigram] for trigram in trigrams if trigram in self._postings]
        if not allowed or not postings:
            return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
        shared = np.bincount(np.concatenate(postings), minlength=len(self._lengths))
        candidates = np.flatnonzero(shared >= max(1, len(trigrams) - 3 * allowed))
        if len(candidates) > _MAX_COMPARED:
            most = np.argsort(-shared[candidates], kind="stable")[:_MAX_COMPARED]
            candidates = np.sort(candidates[most])
        edits = _edits_to_beginnings(_codes(word), self._letters[candidates], self._lengths[candidates], allowed)
        close = edits <= allowed
        return candidates[close], edits[close]


def _codes(word: str) -> NDArray[np.uint32]:
    return np.array([ord(letter) for letter in word[:MAX_LETTERS]], dtype=np.uint32)


def _trigrams(word: str) -> set[str]:
    """Of the word with two spaces in front: its beginning counts for more, and its end is open."""
    padded = f"  {word}"
    return {padded[at : at + 3] for at in range(len(word))}


def _edits_to_beginnings(
    word: NDArray[np.uint32], letters: NDArray[np.uint32], lengths: NDArray[np.int64], allowed: int
) -> NDArray[np.int64]:
    """(m,) the least edits from `word` to any beginning of each of m words of (m, 24) letters."""
    n, width = len(word), min(len(word) + allowed, letters.shape[1])
    before: NDArray[np.int64] = np.zeros((len(letters), width + 1), dtype=np.int64)
    last: NDArray[np.int64] = np.tile(np.arange(width + 1), (len(letters), 1))
    for i in range(1, n + 1):
        row = np.empty_like(last)
        row[:, 0] = i
        for j in range(1, width + 1):
            same = letters[:, j - 1] == word[i - 1]
            best = np.minimum(last[:, j - 1] + ~same, np.minimum(last[:, j], row[:, j - 1]) + 1)
            if i > 1 and j > 1:
                swapped = (letters[:, j - 2] == word[i - 1]) & (letters[:, j - 1] == word[i - 2])
                best = np.where(swapped, np.minimum(best, before[:, j - 2] + 1), best)
            row[:, j] = best
        before, last = last, row
    beyond = np.arange(width + 1) > lengths[:, None]
    return np.asarray(np.where(beyond, n + 1, last).min(axis=1), dtype=np.int64)
