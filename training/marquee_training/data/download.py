"""MovieLens from GroupLens: downloaded once, verified, kept in the cache."""

import hashlib
import http.client
import lzma
import re
import shutil
import struct
import urllib.request
import zipfile
import zlib
from pathlib import Path

from marquee_training.data.progress import ByteProgress
from marquee.errors import DataError

ADDRESS = "https://files.grouplens.org/datasets/movielens"
NAMES = ("ml-latest-small", "ml-latest", "ml-32m", "ml-25m", "ml-20m", "ml-1m", "ml-100k")
_TIMEOUT_SECONDS = 5
_CHUNK = 1 << 18
# What the standard library raises for an archive with flipped bits, of which no list is documented.
DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, OSError, EOFError, ValueError, RuntimeError)


def fetch_grouplens(name: str, folder: Path) -> str:
    """Download and unpack a data set into a folder.

    Returns:
        How the download was verified.

    Raises:
        DataError: No such data set, no answer, or the download is damaged.
    """
    if name not in NAMES:
        raise DataError(f"GroupLens has no data set {name!r}", fix=f"use one of {', '.join(NAMES)}")
    archive = folder / f"{name}.zip"
    md5 = _download(f"{ADDRESS}/{name}.zip", archive, name)
    verified = _verify(archive, md5, _published_md5(name))
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


def _published_md5(name: str) -> str | None:
    try:
        with urllib.request.urlopen(f"{ADDRESS}/{name}.zip.md5", timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310
            found = re.search(rb"\b[0-9a-f]{32}\b", answer.read(4096))
    except (OSError, http.client.HTTPException):
        return None  # the "latest" sets have none
    return found[0].decode() if found else None


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
