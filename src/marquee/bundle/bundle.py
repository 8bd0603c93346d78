"""The bundle in memory: models, catalogue, and their origin."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from marquee.bundle.manifest import CodeVersion, DataInfo, Manifest
from marquee.bundle.metrics import Metrics
from marquee.errors import BundleError
from marquee.models import Array
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.standardise import Moments, TowerMoments, like_shares
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig


@dataclass(frozen=True)
class Bundle:
    """Models of n films and their origin. Loaded arrays are read-only, so threads can share them.

    `eval_files` are stored below `eval/`; their names end in .json, .csv or .png. `stored` is the manifest, and
    `path` the folder, that it was loaded from or published to. `notes` are warnings for an operator, such as that the
    current version is damaged and this is the previous one.
    """

    catalog: Catalog
    two_tower: TwoTower
    item_cf: ItemCF
    rerank: RerankConfig
    data: DataInfo
    metrics: Metrics = field(default_factory=Metrics)
    config: dict[str, Any] = field(default_factory=dict)
    eval_files: dict[str, bytes] = field(default_factory=dict)
    code_version: CodeVersion | None = None
    stored: Manifest | None = None
    path: Path | None = None
    notes: tuple[str, ...] = ()

    @cached_property
    def like_shares(self) -> Array:
        """(n,) float32: each film's share of all likes."""
        return like_shares(self.catalog.popularity).astype(np.float32)

    @cached_property
    def tower_moments(self) -> TowerMoments:
        """Moments of the Two-Tower's scores over the films as people like them."""
        return TowerMoments.of(self.two_tower, like_shares(self.catalog.popularity))

    @cached_property
    def popularity_moments(self) -> Moments:
        """Moments of the films' log-popularity, likewise."""
        return Moments.of(self.catalog.log_popularity, self.like_shares)

    @property
    def version(self) -> str:
        """Name of the version, such as 2026-11-24T02-00-00Z-3f9c1a2b, or "unpublished"."""
        return self.stored.version if self.stored else "unpublished"

    @property
    def manifest(self) -> Manifest:
        """The stored manifest; raises a BundleError if the bundle is not published."""
        if self.stored is None:
            raise BundleError("this bundle has no manifest yet", fix="publish it, then load it from the store")
        return self.stored
