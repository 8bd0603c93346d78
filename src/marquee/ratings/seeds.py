"""What ratings say of a taste: hundreds of films with stars become seeds and dislikes (docs/your-ratings.md)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean

from marquee.api.contracts import Rating
from marquee.models.catalog import Catalog
from marquee.ratings.exports import seconds

MAX_SEEDS = 200  # more gain nothing that can be measured
MAX_DISLIKES = 20
FAR_BELOW = 2.0  # stars below the mean, from which on a rating is a dislike


@dataclass(frozen=True)
class Rated:
    """Rows of the catalogue by what a person's ratings say of them.

    Attributes:
        seeds: Liked films, the weightiest first.
        dislikes: Films with far fewer stars than the person gives.
        named: All films that the ratings name.
        unknown: Ids of which the catalogue has no film.
    """

    seeds: list[int] = field(default_factory=list)
    dislikes: list[int] = field(default_factory=list)
    named: list[int] = field(default_factory=list)
    unknown: list[int | str] = field(default_factory=list)


def choose_seeds(catalog: Catalog, ratings: Sequence[Rating]) -> Rated:
    """The seeds and dislikes of one person's ratings.

    Stars count by their distance from the person's own mean, and half as much for the oldest as for the newest. Those
    above it are seeds, at most MAX_SEEDS; those FAR_BELOW it are dislikes. Without any stars, or if all are equal, each
    film seen is a seed. Of several ratings of a film the newest counts.
    """
    if not ratings:
        return Rated()
    rating_of: dict[int, Rating] = {}
    unknown: list[int | str] = []
    for rating in sorted(ratings, key=lambda one: (one.stars is not None, seconds(one.at))):
        rows, missing = catalog.rows_named(rating)
        if rows:
            rating_of[rows[0]] = rating
        else:
            unknown += missing[:1]
    stars = {row: rating.stars for row, rating in rating_of.items() if rating.stars is not None and rating.seen}
    if len(set(stars.values())) < 2:
        stars |= {row: 5.0 for row, rating in rating_of.items() if rating.seen and (not stars or row in stars)}
        mean = 0.0
    else:
        mean = fmean(stars.values())
    # By their order in time, since an export may have been rated within a day, or over twenty years.
    newest = sorted(stars, key=lambda row: -seconds(rating_of[row].at))
    weight = {row: (stars[row] - mean) * 0.5 ** (age / len(newest)) for age, row in enumerate(newest)}
    ranked = sorted(newest, key=lambda row: -weight[row])
    return Rated(
        seeds=[row for row in ranked if weight[row] > 0][:MAX_SEEDS],
        dislikes=[row for row in reversed(ranked) if stars[row] <= mean - FAR_BELOW][:MAX_DISLIKES],
        named=list(rating_of),
        unknown=unknown,
    )
