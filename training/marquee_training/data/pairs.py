"""From interactions to one rating from 0.5 to 5 for each pair of a user and an item."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marquee.errors import DataError
from marquee_training.data.mapping import InteractionsMapping

LIKED, SEEN, DISLIKED = 5.0, 2.5, 0.5
"""Stars of pairs without a value, whose weights reach `like`, stay below it, or sum to nothing or less."""
POSITIVE = 4.0
"""Stars of the value `like`: what training takes as a like by default."""
_STARS = (0.5, 5.0)


def sum_pairs(columns: Sequence[Any], notes: list[str]) -> tuple[Any, ...]:
    """Users, items, values, sums of weights, and times, a row for each pair of a user and an item.

    Of several values the latest counts, or without times the last in the files. Of the given columns, in the same
    order, the last three may be None: no value, the weight 1, no time.
    """
    users, items, values, weights, times = columns
    if times is None:
        times = np.zeros(len(users), dtype=np.int64)
    key = users.astype(np.int64) << 32 | items
    order = np.argsort(key, kind="stable") if values is None or not times.any() else np.lexsort((times, key))
    key = key[order]
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    del key
    if len(starts) == len(order):
        return users, items, values, np.ones(len(users), np.float32) if weights is None else weights, times
    counts = np.diff(np.append(starts, len(order))).astype(np.float32)
    sums = counts if weights is None else np.add.reduceat(weights[order], starts)
    if values is not None:
        values = values[order]
        last = np.maximum.reduceat(np.where(np.isnan(values), -1, np.arange(len(values))), starts)
        values = np.where(last >= 0, values[last], np.nan)
        if again := int((~np.isnan(columns[2])).sum() - (last >= 0).sum()):
            notes.append(f"interactions: {again:,} values are replaced by later ones of the same user and item")
    else:
        notes.append(f"interactions: {len(order):,} rows are summed to {len(starts):,} pairs of a user and an item")
    return users[order[starts]], items[order[starts]], values, sums, np.maximum.reduceat(times[order], starts)


def stars_of(
    mapping: InteractionsMapping, values: NDArray[np.float32] | None, sums: NDArray[np.float32], notes: list[str]
) -> NDArray[np.float32]:
    """(m,) ratings from 0.5 to 5 of pairs, by their value, or else the sum of their weights."""
    stars = np.empty(len(sums), dtype=np.float32)
    rated = np.zeros(len(sums), dtype=np.bool_) if values is None else ~np.isnan(values)
    if values is not None and rated.any():
        stars[rated] = _stars_of_values(mapping, values[rated], notes)
    if rated.all():
        return stars
    of_pair, like = sums[~rated], None if mapping.value else mapping.like
    steps = sorted({weight for weight in mapping.events.values() if weight > 0})
    if like is None and len(steps) > 1:
        like = steps[1]
    liked = of_pair > 0 if like is None else of_pair >= like
    stars[~rated] = np.where(liked, LIKED, np.where(of_pair > 0, SEEN, DISLIKED))
    n, pairs = int(liked.sum()), f"{len(of_pair):,} pairs of a user and an item"
    if like is None:
        notes.append(f"likes: {n:,} of {pairs}, those with a weight above 0; like = 2 in [interactions] asks for more")
    else:
        how = "" if mapping.like else f"; like = {steps[0]:g} in [interactions] counts each {_least_event(mapping)}"
        notes.append(f"likes: {n:,} of {pairs}, those whose weights sum to {like:g} or more{how}")
    if down := int((of_pair <= 0).sum()):
        notes.append(f"dislikes: {down:,} pairs, whose weights sum to 0 or less")
    if not n and not rated.any():
        raise DataError(
            f"interactions: no pair of a user and an item is a like: the greatest sum of weights is {of_pair.max():g}",
            fix="lower like in [interactions]"
            if mapping.like
            else f"set like = {max(of_pair.max(), 0.1):g} in [interactions]",
        )
    return stars


def _least_event(mapping: InteractionsMapping) -> str:
    positive = {kind: weight for kind, weight in mapping.events.items() if weight > 0}
    return min(positive, key=positive.__getitem__)


def _stars_of_values(
    mapping: InteractionsMapping, values: NDArray[np.float32], notes: list[str]
) -> NDArray[np.floating[Any]]:
    name, (least, most) = mapping.value, (float(values.min()), float(values.max()))
    if mapping.scale is None:
        if least <= 0 and np.isin(values, (-1, 0, 1)).all():
            notes.append(f"{name}: thumbs, {int((values > 0).sum()):,} up and the others down")
            return np.where(values > 0, LIKED, DISLIKED)
        if least == most:
            notes.append(f"{name}: each value is {least:g}, so each row counts as a like")
            return np.full(len(values), LIKED)
        if least < _STARS[0] or most > _STARS[1]:
            fix = f"give its ends in [interactions]: scale = [{least:g}, {most:g}]; map counts as weight, not value"
            raise DataError(f"interactions: {name} runs from {least:g} to {most:g}, not from 0.5 to 5", fix=fix)
    low, high = mapping.scale or _STARS
    if mapping.like is None:
        at = low + (high - low) * (POSITIVE - _STARS[0]) / (_STARS[1] - _STARS[0])
        notes.append(f"likes: values of {name} of {at:.3g} or more; like in [interactions] sets another limit")
        return np.interp(values, (low, high), _STARS)
    notes.append(f"likes: values of {name} of {mapping.like:g} or more")
    above = np.interp(values, (mapping.like, max(high, mapping.like + 1e-6)), (POSITIVE, _STARS[1]))
    below = np.interp(values, (min(low, mapping.like - 1e-6), mapping.like), (_STARS[0], POSITIVE - 0.01))
    return np.where(values >= np.float32(mapping.like), above, below)
