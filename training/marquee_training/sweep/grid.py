"""One setting of all dials: the second view, the blend's weights, and what a request can ask for."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from marquee.models.weights import BlendWeights
from marquee_training.config import TrainingConfig
from marquee_training.evaluation.rows import USUAL_EDLAE

AFTER_THE_BLEND = ("lambda_mmr", "genre_weight", "novelty_scale", "dislike_weight")
"""Weights that don't change a candidate's score: settings that differ in these alone share their blends."""


@dataclass(frozen=True)
class Dials:
    """A row of the sweep.

    Attributes:
        view: The second view, `kind` as configured or `kind:number`; see `view_config`.
        weights: The re-ranker's.
        diversity: The request's; None = left out.
        novelty: The request's.
    """

    view: str
    weights: BlendWeights
    diversity: float | None = None
    novelty: float = 0.0

    @property
    def columns(self) -> dict[str, Any]:
        """As the CSV has them; `dislike_weight` is left out, since nobody here dislikes a film."""
        weights = self.weights.model_dump(exclude={"dislike_weight"})
        return {"item_cf": self.view, **weights, "diversity": self.diversity, "novelty": self.novelty}

    @property
    def blend_key(self) -> str:
        """The same for settings that give every candidate the same score."""
        return json.dumps([self.view, self.weights.model_dump(exclude=set(AFTER_THE_BLEND))], sort_keys=True)

    @property
    def digest(self) -> str:
        """Names the file that keeps what people said of it."""
        return hashlib.sha256(json.dumps(self.columns, sort_keys=True).encode()).hexdigest()[:16]

    def changes(self, base: "Dials") -> str:
        """How it differs from another setting, in words: `lambda_mmr 0.8, novelty 0.5`."""
        theirs = base.columns
        changed = [f"{name} {_number(value)}" for name, value in self.columns.items() if value != theirs[name]]
        return ", ".join(changed) or "as configured"


def _number(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def configured(config: TrainingConfig) -> Dials:
    """The setting that training would publish."""
    return Dials(config.item_cf, config.blend_weights)


def view_config(config: TrainingConfig, view: str) -> TrainingConfig:
    """What to fit for a second view.

    Args:
        config: The configuration that the sweep is about.
        view: `kind` is fitted as `config` says; `kind:number` with so many factors (SVD) or this ridge penalty
            (the others), EDLAE then with its usual dropout.
    """
    kind, _, number = view.partition(":")
    changes: dict[str, Any] = {"item_cf": kind}
    if number and kind in ("pure_svd", "svd_centered"):
        changes["svd_factors"] = int(number)
    elif number:
        changes["item_cf_l2"] = float(number)
        changes |= {"item_cf_dropout": USUAL_EDLAE["dropout"]} if kind == "edlae" else {}
    return config.model_copy(update=changes)
