"""A bundle in memory: what training hands over, and what readers use."""

from dataclasses import dataclass, field
from typing import Any

from marquee.bundle.manifest import CodeVersion, DataInfo, Manifest
from marquee.models.catalog import Catalog
from marquee.models.item_cf import ItemCF
from marquee.models.two_tower import TwoTower
from marquee.models.weights import RerankConfig


@dataclass(frozen=True)
class Contents:
    """What training hands over to be published.

    Attributes:
        catalog: The n films.
        two_tower: Its rows follow the catalogue's.
        item_cf: Its rows follow the catalogue's.
        rerank: The re-ranker's dials and calibration.
        data: What the models were trained on.
        metrics: JSON values; `marquee.bundle.gate` says which ones the publish gate reads. Empty where nothing
            was measured, and then publishing needs force.
        config: The training configuration, JSON values.
        eval_files: File name to bytes, written below `eval/`; names end in .json, .csv or .png.
        code_version: The code that trained it; this Marquee, if not given.
    """

    catalog: Catalog
    two_tower: TwoTower
    item_cf: ItemCF
    rerank: RerankConfig
    data: DataInfo
    metrics: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    eval_files: dict[str, bytes] = field(default_factory=dict)
    code_version: CodeVersion | None = None

    @property
    def version(self) -> str:
        """What a pipeline says of models that are being judged before they are published."""
        return "unpublished"


@dataclass(frozen=True)
class Bundle:
    """A verified bundle. Its arrays are read-only, so any number of threads can share it.

    Attributes:
        manifest: What `manifest.json` says.
        catalog: The n films.
        two_tower: Its rows follow the catalogue's.
        item_cf: Its rows follow the catalogue's.
        rerank: The re-ranker's dials and calibration.
        notes: What a person should know, such as that this is not the current version but the one before.
    """

    manifest: Manifest
    catalog: Catalog
    two_tower: TwoTower
    item_cf: ItemCF
    rerank: RerankConfig
    notes: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """The version's name, such as 2026-11-24T02-00-00Z-3f9c1a2b."""
        return self.manifest.version
