"""The re-ranker's dials and calibration: a bundle carries them, so that a model and its dials move together."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Rung = Literal["two_tower", "item_cf", "popularity"]


class BlendWeights(BaseModel):
    """Weights of the blended score, and of MMR. Names are the classic design's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha_tower: float = Field(1.0, ge=0)
    """Weight of the Two-Tower's score, standardised over the request's candidates."""
    alpha_cf: float = Field(1.0, ge=0)
    """Weight of the item-item score, standardised likewise."""
    half_history: float = Field(50.0, gt=0)
    """So many seeds give the view for long histories half of what the two above weigh together: k / (k + this)."""
    beta_gen: float = 0.0
    """Weight of the Jaccard similarity between a film's genres and the seeds' genres, in [0, 1]."""
    gamma_year: float = 0.0
    """Weight of exp(-|year - seeds' mean year| / tau_year), in [0, 1]."""
    delta_pop: float = 0.0
    """Weight of log-popularity, standardised likewise, times 1 - 1/k for k seeds; negative discounts hits."""
    tau_year: float = Field(8.0, gt=0)
    """Years over which closeness in time fades by a factor e."""
    lambda_mmr: float = Field(0.9, ge=0, le=1)
    """MMR: 1 ranks by score alone, 0 by difference from what is already picked."""
    genre_weight: float = Field(0.6, ge=0, le=1)
    """Share of genre (against latent) similarity inside MMR."""
    novelty_scale: float = Field(1.5, ge=0)
    """How strongly `novelty` = 1 discounts log-popularity, standardised likewise, when films are picked."""
    dislike_weight: float = Field(1.0, ge=0)
    """How strongly a disliked film pushes its neighbours down, per unit of the seeds' own pull."""


class Calibration(BaseModel):
    """affinity = 1 / (1 + exp(-(slope * score + intercept))): Platt scaling, one per rung."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slope: float = Field(1.0, gt=0)
    intercept: float = -1.0


class RerankConfig(BaseModel):
    """Everything that the re-ranker needs beside the models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_candidates: int = Field(200, ge=1, le=1000)
    """How many candidates retrieval hands over."""
    n_item_cf_candidates: int = Field(0, ge=0, le=1000)
    """How many the re-ranker adds by its item-item views; those that retrieval found as well are counted once."""
    weights: BlendWeights = BlendWeights()
    calibration: dict[Rung, Calibration] = {
        "two_tower": Calibration(),
        "item_cf": Calibration(),
        "popularity": Calibration(),
    }
