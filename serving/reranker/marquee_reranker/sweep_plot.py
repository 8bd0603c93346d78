"""A picture of the re-ranker's sweep: one that the settings name, or that the bundle brings along."""

from pathlib import Path

from marquee.bundle.store import is_version_folder, version_path
from marquee.pipeline import Pipeline
from marquee.settings import Settings

MAX_BYTES = 4 * 1024 * 1024
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def sweep_plot(settings: Settings, pipeline: Pipeline | None) -> Path | None:
    """Where the picture is; None if there is none.

    Args:
        settings: `sweep_plot` goes before the bundle.
        pipeline: Of the bundle in use.
    """
    if settings.sweep_plot is not None:
        return settings.sweep_plot if settings.sweep_plot.is_file() else None
    if pipeline is None:
        return None
    store = settings.artifacts_dir
    folder = store if is_version_folder(store) else version_path(store, pipeline.version)
    found = sorted(name for name in pipeline.bundle.eval_files if name.startswith("sweep_") and name.endswith(".png"))
    path = folder / "eval" / found[-1] if found else None
    return path if path and path.is_file() else None


def read_png(path: Path) -> bytes | None:
    """The picture's bytes; None if it is none, or longer than MAX_BYTES."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError:
        return None  # it was there a moment ago, and pruned since
    return content if content.startswith(SIGNATURE) and len(content) <= MAX_BYTES else None
