"""Fetches and unpacks an archive of ratings, or of a marquee.toml and its files, into /data.

Runs in an init container, with DATA_URL and DATA_SHA256. Exit code 3 is for what no retry can mend (podFailurePolicy);
a broken connection ends with 1 and is tried again.
"""

import hashlib
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

ARCHIVE, FOLDER = Path("/tmp/archive"), Path("/data")  # noqa: S108 - the pod's own emptyDir


def fail(problem: str, fix: str) -> None:
    """End for good."""
    print(f"error: {problem}\n  fix: {fix}", file=sys.stderr)
    sys.exit(3)


def download(url: str, wanted: str) -> None:
    """Never print the URL: it may be signed."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, ARCHIVE.open("wb") as file:  # noqa: S310
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
    except urllib.error.HTTPError as error:
        if error.code < 500 and error.code != 429:
            fail(f"the data's server answered {error.code}", "see training.data.url, or the Secret's key url")
        raise
    if wanted and digest.hexdigest() != wanted.lower():
        fail(f"the archive's sha256 is {digest.hexdigest()}", "correct training.data.sha256, or the archive")
    print(f"fetched {ARCHIVE.stat().st_size:,} bytes, sha256 {digest.hexdigest()}")


def places(names: list[str]) -> dict[str, Path]:
    """Targets of the archive's files: their last names, or, with a marquee.toml, their paths below its folder."""
    paths = {name: PurePosixPath(name) for name in names}
    mappings = [path for path in paths.values() if path.name == "marquee.toml"]
    if not mappings:
        return {name: FOLDER / path.name for name, path in paths.items()}
    top = min(mappings, key=lambda path: len(path.parts)).parent
    below = {name: path.relative_to(top) for name, path in paths.items() if path.is_relative_to(top)}
    return {name: FOLDER / path for name, path in below.items() if ".." not in path.parts}


def write(source: IO[bytes], target: Path) -> None:
    """Write a file of the archive."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file)


def unpack() -> None:
    """Files only, no links."""
    if zipfile.is_zipfile(ARCHIVE):
        with zipfile.ZipFile(ARCHIVE) as archive:
            for name, target in places([item.filename for item in archive.infolist() if not item.is_dir()]).items():
                write(archive.open(name), target)
    elif tarfile.is_tarfile(ARCHIVE):
        with tarfile.open(ARCHIVE) as archive:
            for name, target in places([item.name for item in archive if item.isfile()]).items():
                write(archive.extractfile(name), target)
    else:
        fail("what was fetched is neither a zip nor a tar archive", "give the URL of an archive of ratings")
    print("unpacked", ", ".join(sorted(str(path.relative_to(FOLDER)) for path in FOLDER.rglob("*") if path.is_file())))


download(os.environ["DATA_URL"], os.environ["DATA_SHA256"])
unpack()
ARCHIVE.unlink()
