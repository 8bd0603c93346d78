"""Files that are written whole or not at all, and safetensors files, of which damaged ones are removed."""

import errno
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from marquee.bundle.disk import on_disk


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under another name, then rename it; raises a `StoreUnreachable` if that fails."""
    aside = path.with_suffix(".tmp")
    with on_disk(f"write {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            write(aside)
        except SafetensorError as error:  # which has the number of an OSError in its text
            code = re.search(r"code: (\d+)", str(error))
            number = int(code[1]) if code else errno.EIO
            raise OSError(number, os.strerror(number)) from None
        aside.replace(path)


def save_whole(path: Path, arrays: Mapping[str, Any], metadata: dict[str, str] | None = None) -> None:
    """Write numpy arrays as a safetensors file."""
    write_whole(path, lambda aside: save_file(dict(arrays), aside, metadata))


def load_whole(path: Path) -> tuple[dict[str, Any], dict[str, str]] | None:
    """The arrays and the metadata of a safetensors file; None where there is nothing, or a damaged file."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError):
        path.unlink()  # as a power cut leaves it: its content is computed again
        return None
