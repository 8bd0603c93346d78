"""Fetches and unpacks a MovieLens archive into /data. Runs in an init container: DATA_URL, DATA_SHA256.

Exit code 3 is for what no retry can mend (podFailurePolicy); a broken connection ends with 1 and is tried again.
"""

import hashlib
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

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


def unpack() -> None:
    """Files only, by their last name: the archive's folders are left out, and none can lead elsewhere."""
    if zipfile.is_zipfile(ARCHIVE):
        with zipfile.ZipFile(ARCHIVE) as archive:
            for item in archive.infolist():
                if not item.is_dir():
                    with archive.open(item) as source, (FOLDER / Path(item.filename).name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    elif tarfile.is_tarfile(ARCHIVE):
        with tarfile.open(ARCHIVE) as archive:
            for member in archive:
                source = archive.extractfile(member) if member.isfile() else None
                if source is not None:
                    with source, (FOLDER / Path(member.name).name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    else:
        fail("what was fetched is neither a zip nor a tar archive", "give the URL of a MovieLens archive")
    print("unpacked", ", ".join(sorted(path.name for path in FOLDER.iterdir())))


download(os.environ["DATA_URL"], os.environ["DATA_SHA256"])
unpack()
ARCHIVE.unlink()
