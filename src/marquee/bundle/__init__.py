"""The bundle: immutable versions of the models, a pointer to the current one, and the ways to move it."""

from marquee.bundle.address import open_store
from marquee.bundle.bundle import Bundle
from marquee.bundle.examine import Report
from marquee.bundle.gate import gate
from marquee.bundle.manifest import DataInfo, Manifest
from marquee.bundle.metrics import Metrics
from marquee.bundle.publish import publish
from marquee.bundle.read import current, load, verify
from marquee.bundle.store import Pointer, Store
from marquee.bundle.versions import activate, export, list_versions, promote, prune, rollback
from marquee.bundle.watch import Live

__all__ = [
    "Bundle",
    "DataInfo",
    "Live",
    "Manifest",
    "Metrics",
    "Pointer",
    "Report",
    "Store",
    "activate",
    "current",
    "export",
    "gate",
    "list_versions",
    "load",
    "open_store",
    "promote",
    "prune",
    "publish",
    "rollback",
    "verify",
]
