"""The bundle in memory: what training makes, a store keeps, and servers answer from."""

from dataclasses import dataclass, field
from typing import Any

from marquee.bundle.manifest import CodeVersion, DataInfo, Manifest
from marquee.bundle.metrics import Metrics
from marquee.errors import BundleError
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig


@dataclass(frozen=True)
class Bundle:
    """Models of n films and where they came from. Loaded arrays are read-only, so threads can share them.

    Attributes:
        catalog: The films; row i of every model is the film in row i.
        two_tower: The retrieval model.
        item_cf: The re-ranker's item-item weights.
        rerank: The re-ranker's settings and calibration.
        data: What the models were trained on.
        metrics: Evaluation results. Empty where nothing was measured; publishing then needs force.
        config: The training configuration, JSON values.
        eval_files: File name to bytes, stored below `eval/`; names end in .json, .csv or .png.
        code_version: The code that trained it; this Marquee, if not given.
        stored: The manifest it was loaded with; None before it is published.
        notes: Warnings for an operator, such as that this is the previous version, since the current one is damaged.
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
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version's name, such as 2026-11-24T02-00-00Z-3f9c1a2b; "unpublished" before it has one."""
        return self.stored.version if self.stored else "unpublished"

    @property
    def manifest(self) -> Manifest:
        """The manifest it was loaded with.

        Raises:
            BundleError: It has none yet.
        """
        if self.stored is None:
            raise BundleError("this bundle has no manifest yet", fix="publish it, then load it from the store")
        return self.stored
