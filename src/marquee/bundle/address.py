"""Open the store at an address."""

from pathlib import Path

from marquee.bundle.folder_store import FolderStore
from marquee.bundle.store import Store
from marquee.errors import ConfigError

Place = Store | Path | str
"""A store, its folder, or its address: s3://bucket/path, gs://bucket/path or az://container/path."""
SCHEMES = ("s3", "gs", "az")


def open_store(place: Place, cache: Path | None = None) -> Store:
    """The store at a place; a bucket's versions are synced into a folder of their own below `cache`.

    Nothing is read yet, so a store may come into being later. `cache` is by default
    $MARQUEE_CACHE_DIR, or `marquee/stores` below $XDG_CACHE_HOME or ~/.cache.

    Raises:
        ConfigError: The address is of an unknown kind, or a setting that it needs is missing or invalid.
    """
    if isinstance(place, Store):
        return place
    scheme, found, _ = str(place).partition("://")
    if not found:
        return FolderStore(Path(place))
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise ConfigError(f"{place}: {scheme}:// is no kind of store", fix=f"name a folder, or use one of {known}")
    from marquee.bundle.bucket_store import BucketStore  # noqa: PLC0415 - a Lambda has no obstore

    return BucketStore(str(place), cache=cache)
