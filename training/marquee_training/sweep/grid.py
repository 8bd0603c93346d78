"""Settings of the re-ranker that a sweep tries: the second view, the blend's weights, and a request's options."""

import hashlib
import itertools
import json
from dataclasses import dataclass, replace
from typing import Any

from marquee.errors import ConfigError
from marquee.models.weights import BlendWeights
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.rows import USUAL_EDLAE

AFTER_THE_BLEND = ("lambda_mmr", "genre_weight", "dislike_weight")
"""Weights that don't change a candidate's score: settings that differ in these alone share their blends."""

STEPS = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0]
SVD_GRID = [f"{kind}:{factors}" for kind in ("svd_centered", "pure_svd") for factors in (16, 32, 64, 128, 256)]

# Blocks of columns: every combination of a block is a setting; columns that it doesn't name stay as configured.
SIZES: dict[str, list[dict[str, list[Any]]]] = {
    "quick": [
        {"diversity": [0.0, 0.3, 0.6], "novelty": [0.0, 0.5]},
        {"delta_pop": [-1.2, 0.0], "beta_gen": [0.0, 1.0]},
    ],
    "medium": [
        {"diversity": STEPS},
        {"novelty": STEPS},
        {
            "beta_gen": [0.0, 0.5, 1.0],
            "gamma_year": [0.0, 0.2],
            "delta_pop": [-1.8, -1.2, -0.6, 0.0],
            "lambda_mmr": [0.8, 0.9, 0.95, 1.0],
        },
        {"alpha_cf": [0.5, 1.0, 2.0]},
        {"item_cf": [*SVD_GRID, "ease:200", "ease:1000", "edlae:200"]},
    ],
    "svd": [
        {"item_cf": SVD_GRID, "alpha_cf": [0.5, 1.0, 2.0]},
        {"item_cf": SVD_GRID, "alpha_tower": [0.0], "delta_pop": [0.0, 0.05]},  # the classic re-ranker: no tower
    ],
    "full": [
        {"diversity": STEPS, "novelty": STEPS},
        {
            "alpha_cf": [0.75, 1.5, 2.0],
            "beta_gen": [0.0, 0.25, 0.5, 1.0, 1.5],
            "gamma_year": [0.0, 0.2, 0.5],
            "delta_pop": [-1.8, -1.2, -0.6, 0.0],
            "lambda_mmr": [0.8, 0.9, 0.95, 1.0],
        },
        {"genre_weight": [0.3, 0.6, 1.0], "lambda_mmr": [0.7, 0.8, 0.9]},
        {"tau_year": [4.0, 16.0], "gamma_year": [0.2, 0.5]},
        {
            "item_cf": [*SVD_GRID, *(f"{kind}:{l2}" for kind in ("ease", "edlae") for l2 in (50, 200, 1000))],
            "alpha_cf": [0.5, 1.0, 1.5],
        },
    ],
}


@dataclass(frozen=True)
class Setting:
    """A row of the sweep: a second view (see `view_config`), the re-ranker's weights and the request's options."""

    view: str
    weights: BlendWeights
    diversity: float | None = None
    novelty: float = 0.0

    @property
    def columns(self) -> dict[str, Any]:
        """The setting's columns in the CSV; without `dislike_weight`, since no test request dislikes a film."""
        weights = self.weights.model_dump(exclude={"dislike_weight"})
        return {"item_cf": self.view, **weights, "diversity": self.diversity, "novelty": self.novelty}

    @property
    def blend_key(self) -> str:
        """Equal for settings that give every candidate the same score."""
        return json.dumps([self.view, self.weights.model_dump(exclude=set(AFTER_THE_BLEND))], sort_keys=True)

    @property
    def digest(self) -> str:
        """Identifies the setting in file names."""
        return hashlib.sha256(json.dumps(self.columns, sort_keys=True).encode()).hexdigest()[:16]

    def changes(self, base: "Setting") -> str:
        """The columns that differ from another setting's, such as `lambda_mmr 0.8, novelty 0.5`."""
        changed = [(name, value) for name, value in self.columns.items() if value != base.columns[name]]
        texts = [f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}" for name, value in changed]
        return ", ".join(texts) or "as configured"

    def with_columns(self, columns: dict[str, Any]) -> "Setting":
        """The same setting with other values in some columns."""
        own = {name: value for name, value in columns.items() if name in ("diversity", "novelty")}
        changed = {name: value for name, value in columns.items() if name not in (*own, "item_cf")}
        weights = BlendWeights(**(self.weights.model_dump() | changed))
        return replace(self, view=columns.get("item_cf", self.view), weights=weights, **own)


def configured(config: TrainingConfig) -> Setting:
    """The setting that training would publish."""
    return Setting(config.item_cf, config.blend_weights)


def view_config(config: TrainingConfig, view: str) -> TrainingConfig:
    """The configuration that fits a second view.

    `kind` is fitted as `config` says; `kind:number` with this number of factors (SVD) or this ridge penalty (the
    others), EDLAE then with its usual dropout.
    """
    kind, _, number = view.partition(":")
    changes: dict[str, Any] = {"item_cf": kind}
    if number and kind in ("pure_svd", "svd_centered"):
        changes["svd_factors"] = int(number)
    elif number:
        changes["item_cf_l2"] = float(number)
        changes |= {"item_cf_dropout": USUAL_EDLAE["dropout"]} if kind == "edlae" else {}
    return config.model_copy(update=changes)


def settings_of(config: TrainingConfig, size: str) -> list[Setting]:
    """The settings of a sweep, each once, the configured one first.

    Raises:
        ConfigError: There is no such size.
    """
    if size not in SIZES:
        raise ConfigError(f"no sweep is called {size!r}", fix=f"use one of {', '.join(SIZES)}")
    found = [base := configured(config)]
    for block in SIZES[size]:
        values = itertools.product(*block.values())
        found += [base.with_columns(dict(zip(block, own, strict=True))) for own in values]
    return list({setting.digest: setting for setting in found}.values())
