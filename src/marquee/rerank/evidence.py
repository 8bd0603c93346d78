"""Notes on thin evidence: how much the seeds say, so that a list doesn't promise more than is known."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from marquee.api.contracts import Note
from marquee.bundle.bundle import Bundle
from marquee.models.catalog import FILMS, Catalog
from marquee.models.standardise import Moments
from marquee.rerank.ranker import Ranking

FEW_LIKES = 5
# Mean lift of the best films that may be shown, in deviations over the catalogue as people like it. Without filters it
# is 2.5 to 4 on MovieLens, whatever the seeds; a genre or decade that has nothing to do with them leaves .3.
CLOSE = 1.0
N_CLOSEST = 10


def evidence(bundle: Bundle, rankings: Sequence[Ranking], *, rated: bool = False) -> list[Note]:
    """Notes on the seeds of an answer's people that the catalogue has, and on films that could not be pinned.

    Seeds from somebody's ratings are many, so that a few rare films among them say nothing.
    """
    catalog = bundle.catalog
    tastes = [ranking.taste for ranking in rankings if ranking.taste.seeds]
    notes = []

    def note(
        code: Literal["few_likes", "one_seed", "nothing_close", "not_pinned"], detail: str, rows: Sequence[int]
    ) -> None:
        own = [catalog.item_ids[row] for row in rows] if catalog.item_ids else None
        ids = [int(catalog.movie_ids[row]) for row in rows]
        notes.append(Note(code=code, detail=detail, movie_ids=ids, item_ids=own))

    seeds = sorted({seed for taste in tastes for seed in taste.seeds})  # nothing depends on their order
    rare = [seed for seed in seeds if catalog.popularity[seed] < FEW_LIKES]
    if rare and (not rated or len(rare) == len(seeds)):
        likes = {catalog.titles[seed]: int(catalog.popularity[seed]) for seed in rare}
        named = ", ".join(f"{title} ({n})" for title, n in likes.items())
        known = f"Few people in the data liked {named}"
        if len(rare) == 1:
            ((title, n),) = likes.items()
            known = f"{('Nobody', 'Only 1 person')[n] if n < 2 else f'Only {n} people'} in the data liked {title}"
        rest = "" if len(rare) < len(seeds) else f": the list rests mostly on {_content(catalog)}"
        note("few_likes", f"{known}{rest}.", rare)
    if single := [taste.seeds[0] for taste in tastes if len(taste.seeds) == 1]:
        note("one_seed", f"One {catalog.noun[0]} says little about a taste: add two or three more.", single)
    if tastes and all(_nothing_close(bundle, ranking) for ranking in rankings if ranking.taste.seeds):
        close = f"No {catalog.noun[0]} that may be shown is close to these: the list is the nearest there is."
        note("nothing_close", close, seeds)
    if blocked := rankings[0].rules.not_pinned:
        titles = ", ".join(catalog.titles[row] for row in blocked)
        note("not_pinned", f"Not pinned, since the request excludes, filters out or names them: {titles}.", blocked)
    return notes


def _content(catalog: Catalog) -> str:
    return "genres and years" if catalog.noun == FILMS else f"what is known of the {catalog.noun[1]}"


def _nothing_close(bundle: Bundle, ranking: Ranking) -> bool:
    lift = ranking.taste.lift_score
    closest = np.sort(lift[ranking.pool.rows])[-N_CLOSEST:]
    return bool(Moments.of(lift, bundle.like_shares).standardise(closest).mean() < CLOSE) if len(closest) else False
