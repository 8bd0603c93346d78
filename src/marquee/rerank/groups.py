"""Answers for several people, and for one person of several interests."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from marquee.rerank.fair import fair_picks
from marquee.rerank.interests import interests
from marquee.rerank.mmr import Series
from marquee.rerank.ranker import Stages
from marquee.rerank.steps import Dials, Pool, Rows, Steps, Taste
from marquee.rerank.voices import Voice, candidates, voices


def for_people(stages: Stages, tastes: Sequence[Taste], dials: Dials, series: Series) -> list[Steps]:
    """One answer for several people, as the steps of each: the same films in the same order.

    Args:
        stages: Of the bundle.
        tastes: The people's, at least two.
        dials: Of the request.
        series: (n,) int64 by row of the catalogue, or None: see `marquee.rerank.mmr.mmr`.
    """
    pools = candidates(stages, tastes)
    retrieved = time.perf_counter()
    people = voices(stages, tastes, pools)
    picked = _picked(stages, people, dials, series)
    mean = np.mean([person.liking(stages, Dials(dials.top_n)) for person in people], axis=0)
    shown = picked[np.lexsort((picked, -mean[picked]))]
    return [
        Steps(person.taste, person.pool, person.blended, person.at[picked], person.at[shown], dials.top_n, retrieved)
        for person in people
    ]


def mixed(stages: Stages, taste: Taste, pool: Pool, dials: Dials, series: Series) -> tuple[Voice, Rows] | None:
    """Films for each of the interests that a person's seeds show.

    Returns:
        What the person says of their candidates and those for each interest, and the positions in the pool of the
        films to show, in the order in which they were picked. None where the seeds show one interest.
    """
    if pool.rung == "popularity" or len(taste.seeds) < 2:
        return None
    seeds = sorted(taste.seeds)  # nothing may depend on the order in which they were given
    parts = interests(stages.likeness(np.asarray(seeds, dtype=np.int64)).matrix(), seeds)
    if len(parts) < 2:
        return None
    tastes = [stages.taste(seeds, taste.where, dislikes=taste.dislikes) for seeds in parts]
    pools = candidates(stages, tastes, pool.rung)
    degraded = list(dict.fromkeys([*pool.degraded, *(reason for part in pools for reason in part.degraded)]))
    whole, *people = voices(stages, [taste, *tastes], [replace(pool, degraded=degraded), *pools])
    return whole, whole.at[_picked(stages, people, dials, series)]


def _picked(stages: Stages, people: Sequence[Voice], dials: Dials, series: Series) -> Rows:
    rows = np.sort(people[0].pool.rows)
    return fair_picks(
        np.stack([person.liking(stages, dials) for person in people]),
        stages.likeness(rows),
        n=dials.top_n,
        lam=stages.lambda_mmr(dials),
        series=None if series is None else series[rows],
    )
