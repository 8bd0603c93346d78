"""The re-ranker's weights and calibration: a bundle carries them, so that a model and its weights move together."""

from typing import Literal

from pydantic import ConfigDict, Field

from marquee.base_model import FrozenBaseModel

Rung = Literal["two_tower", "item_cf", "popularity"]
NOVELTY = 0.5
"""The default of a request's `novelty`, chosen on the front of accuracy against fit: docs/quality.md."""


class TrainedWeights(FrozenBaseModel):
    """Weights that a training configuration sets, of two blends (docs/adr/0016).

    The probable blend (alpha, beta, gamma, delta: the classic design's names) estimates who likes a film. The lift
    blend says how much more than without the seeds. A request's novelty mixes the two into the order of the list.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    alpha_tower: float = Field(1.0, ge=0)
    """Weight of the Two-Tower's score, standardised over the catalogue as people like it."""
    alpha_cf: float = Field(1.0, ge=0)
    """Weight of the item-item view's score, standardised likewise."""
    half_history: float = Field(50.0, gt=0)
    """Number of seeds at which the view for long histories weighs as much as the two above: k / (k + half_history)."""
    beta_gen: float = 0.0
    """Weight of the mean cosine of a film's genres and each seed's, rare genres counting more, in [0, 1]."""
    gamma_year: float = 0.0
    """Weight of the mean of exp(-|difference in years to a seed| / tau_year), in [0, 1]."""
    delta_pop: float = 0.0
    """Weight of standardised log-popularity, times 1 - 1/k for k seeds; negative discounts hits."""
    lift_tower: float = Field(1.0, ge=0)
    """Lift: weight of the Two-Tower's score without the films' biases, standardised."""
    lift_cf: float = Field(0.4, ge=0)
    """Lift: weight of the seeds' pull in the item-item view, standardised."""
    lift_history: float = Field(0.5, ge=0)
    """Lift: weight of the item-item view for long histories, standardised; it takes over the two above, too."""
    lift_genre: float = Field(4.0, ge=0)
    """Lift: weight of the similarity of genres, in [0, 1]."""
    lift_year: float = Field(0.8, ge=0)
    """Lift: weight of the closeness of years, in [0, 1]."""
    tau_year: float = Field(8.0, gt=0)
    """Years over which closeness in time fades by a factor e."""
    lambda_mmr: float = Field(0.9, ge=0, le=1)
    """MMR: 1 ranks by score alone, 0 by difference from what is already picked."""
    genre_weight: float = Field(0.6, ge=0, le=1)
    """Share of genre (against latent) similarity inside MMR."""


class BlendWeights(TrainedWeights):
    """All weights of the blended score, and of MMR."""

    novelty_scale: float = Field(1.5, ge=0)
    """Not used any more; manifests of bundles before docs/adr/0016 have it."""
    dislike_weight: float = Field(1.0, ge=0)
    """How strongly a disliked film pushes its neighbours down, per unit of the seeds' own pull."""


class Calibration(FrozenBaseModel):
    """affinity = 1 / (1 + exp(-(slope * score + intercept))): Platt scaling, one per rung."""

    slope: float = Field(1.0, gt=0)
    intercept: float = -1.0


class RerankConfig(FrozenBaseModel):
    """Everything that the re-ranker needs beside the models."""

    n_candidates: int = Field(200, ge=1, le=1000)
    """Candidates that retrieval hands to the re-ranker."""
    n_item_cf_candidates: int = Field(0, ge=0, le=1000)
    """Candidates that the re-ranker adds by lift, without those that retrieval found."""
    weights: BlendWeights = BlendWeights()
    calibration: dict[Rung, Calibration] = {
        "two_tower": Calibration(),
        "item_cf": Calibration(),
        "popularity": Calibration(),
    }
