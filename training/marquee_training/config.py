"""What a training run can be told: one flat TOML file, whose unknown keys are errors."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from marquee.errors import ConfigError
from marquee.models.weights import BlendWeights, TrainedWeights

CONFIGS = Path(__file__).parent / "configs"
SMALL_UP_TO, MEDIUM_UP_TO = 300_000, 3_000_000
"""Ratings: above the first, folds are large enough for one of them to judge; above the second, epochs are dear."""


class TrainingConfig(TrainedWeights):
    """Flat names, LensKit's and the classic design's where they exist. Reasons for values stand in the TOML files."""

    # data
    positive_rating: Annotated[float, Field(ge=0.5, le=5)] | Literal["mean"] = 4.0
    """A rating of at least this counts as a like; "mean": of at least the person's own mean."""
    seed: int = Field(1, ge=0)
    """Seeds every random choice: split, initial weights, batches, dropout."""

    # evaluation
    eval_folds: int = Field(5, ge=2, le=20)
    """People are dealt into so many folds; a fold's people are unseen by the models that it judges."""
    eval_folds_run: int = Field(5, ge=1, le=20)
    """How many of the folds are run; 1 is a plain hold-out of 1/eval_folds of the people."""
    eval_draws: int = Field(3, ge=1)
    """Random draws of seeds per held-out person."""
    eval_min_positives: int = Field(20, ge=3)
    """Held-out people with fewer likes are not judged, so that every k is judged on the same people; k needs k + 2."""
    eval_max_people: int = Field(2000, ge=20)
    """At most so many held-out people per fold: more narrow the interval little and cost time."""
    validation_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of a fold's training people kept back to stop early."""

    # two-tower
    loss: Literal["softmax", "triplet"] = "softmax"
    """softmax: set encoder, softmax over the whole catalogue. triplet: the classic user-id towers."""
    embedding_size: int = Field(128, ge=4, le=1024)
    """Width of seed vectors, user vectors and item vectors."""
    epochs: int = Field(60, ge=1)
    """Most passes over the people; fewer when validation stops improving."""
    patience: int = Field(20, ge=1)
    """Stop after so many epochs without a better NDCG@10 at 5 seeds on validation people."""
    eval_every: int = Field(5, ge=1)
    """Epochs between looks at the validation people."""
    batch_size: int = Field(128, ge=2)
    """People per step (softmax), triplets per step (triplet)."""
    learning_rate: float = Field(2e-3, gt=0)
    """Peak of the one-cycle schedule (softmax); constant (triplet)."""
    weight_decay: float = Field(1.0, ge=0)
    """Decoupled (AdamW); the item bias is spared."""
    dropout: float = Field(0.2, ge=0, lt=1)
    """On the pooled seeds."""
    id_dropout: float = Field(0.1, ge=0, lt=1)
    """Share of films whose own vectors are hidden in a step, so that content alone learns to stand in."""
    max_seeds: int = Field(10, ge=1, le=100)
    """Most seeds in a request-sized training input, of the Two-Tower and of few_seed_ridge."""
    long_share: float = Field(0.3, ge=0, le=1)
    """Share of training inputs that are long: 20-80 % of a person's likes."""
    triplet_margin: float = Field(1.0, gt=0)
    """Margin of the triplet loss."""
    triplet_negatives: Literal["hard", "random"] = "hard"
    """hard: films that the person rated 2 or less; random: any film."""
    triplet_samples: int = Field(5_000_000, ge=1)
    """Most triplets per epoch."""

    # item-item view
    item_cf: Literal["few_seed_ridge", "edlae", "ease", "pure_svd", "svd_centered"] = "few_seed_ridge"
    """The re-ranker's second view."""
    item_cf_l2: float = Field(3.0, gt=0)
    """Ridge penalty of few_seed_ridge, EASE and EDLAE; the last two want some hundreds."""
    item_cf_dropout: float = Field(0.95, ge=0, lt=1)
    """EDLAE: share of a history that is hidden while fitting, about 1 - k/n for requests of k films."""
    history_cf: Literal["edlae", "none"] = "edlae"
    """The view for long histories, which takes over as seeds get more; none = the second view serves all."""
    history_l2: float = Field(100.0, gt=0)
    """Its ridge penalty."""
    history_dropout: float = Field(0.5, ge=0, lt=1)
    """Share of a history that is hidden from it while fitting."""
    item_cf_neighbors: int = Field(400, ge=1)
    """Strongest weights kept per film."""
    item_cf_min_positives: int = Field(3, ge=1)
    """Films with fewer likes take no part in the item-item view."""
    item_cf_max_movies: int = Field(20_000, ge=10)
    """At most so many films, the most liked, since the fit inverts a dense matrix of that size."""
    svd_factors: int = Field(128, ge=1)
    """Factors of TruncatedSVD (pure_svd and svd_centered)."""

    # re-ranker; its weights are those of TrainedWeights
    n_candidates: int = Field(200, ge=1, le=1000)
    """Candidates that retrieval hands to the re-ranker."""
    n_item_cf_candidates: int = Field(100, ge=0, le=1000)
    """Candidates that the re-ranker adds by its item-item views."""

    @model_validator(mode="after")
    def _no_more_folds_than_there_are(self) -> Self:
        if self.eval_folds_run > self.eval_folds:
            raise ValueError(f"eval_folds_run = {self.eval_folds_run}, but there are eval_folds = {self.eval_folds}")
        return self

    @property
    def blend_weights(self) -> BlendWeights:
        """The re-ranker's part, as the bundle carries it."""
        return BlendWeights(**self.model_dump(include=set(TrainedWeights.model_fields)))


def fitting(name: str, n_ratings: int) -> str:
    """The configuration asked for; `auto` goes by the number of ratings."""
    if name != "auto":
        return name
    return "small" if n_ratings <= SMALL_UP_TO else "medium" if n_ratings <= MEDIUM_UP_TO else "full"


def load_config(name_or_path: str) -> TrainingConfig:
    """Read a configuration: a TOML file, or the name of one in training/configs.

    Raises:
        ConfigError: No such file, broken TOML, an unknown key, or a value out of range.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = CONFIGS / f"{name_or_path}.toml"
    if not path.is_file():
        shipped = ", ".join(sorted(file.stem for file in CONFIGS.glob("*.toml")))
        raise ConfigError(f"no configuration {name_or_path!r}", fix=f"use one of {shipped}, or a .toml file's path")
    try:
        return TrainingConfig(**tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fix = "compare with training/marquee_training/configs/small.toml"
        raise ConfigError(f"{path}: not TOML: {error}", fix=fix) from None
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else ""
        what, fix = f"{key} = {first['input']!r}: {first['msg']}", f"correct {key} in {path}"
        if first["type"] == "extra_forbidden":
            known = ", ".join(TrainingConfig.model_fields)
            what, fix = f"unknown key {key!r}", f"remove it, or use one of {known}"
        elif not key:  # values that don't fit each other
            what, fix = str(first["ctx"]["error"]), f"set both in {path}"
        raise ConfigError(f"{path}: {what}", fix=fix) from None
