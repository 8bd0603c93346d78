"""The metrics of a manifest: a typed view of what evaluation measured.

A manifest is hashed, so its JSON is stored exactly as training wrote it. The view takes from that what it knows; a
value of another type, such as null or NaN, counts as not measured.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_serializer,
    model_validator,
)

from marquee.base_model import FrozenBaseModel

MAIN_SEEDS = "5"
"""The number of seeds at which bundles are compared, and the only one with metrics beyond accuracy."""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _count(value: Any) -> int | None:
    return None if (number := _number(value)) is None else int(number)


def _numbers(value: Any) -> dict[str, float]:
    return {name: number for name, raw in _mapping(value).items() if (number := _number(raw)) is not None}


def _intervals(value: Any) -> dict[str, tuple[float, float]]:
    pairs = {name: raw for name, raw in _mapping(value).items() if isinstance(raw, list | tuple) and len(raw) == 2}
    return {
        name: (low, high)
        for name, pair in pairs.items()
        if (low := _number(pair[0])) is not None and (high := _number(pair[1])) is not None
    }


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}


def _tables(value: Any) -> dict[str, Any]:
    return {name: table for name, table in _mapping(value).items() if isinstance(table, Mapping)}


Count = Annotated[int | None, BeforeValidator(_count)]
Text = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
Numbers = Annotated[dict[str, float], BeforeValidator(_numbers)]
Intervals = Annotated[dict[str, tuple[float, float]], BeforeValidator(_intervals)]
NumberTable = Annotated[dict[str, Numbers], BeforeValidator(_tables)]
IntervalTable = Annotated[dict[str, Intervals], BeforeValidator(_tables)]


class Metrics(FrozenBaseModel):
    """Evaluation results of a bundle; a field that wasn't measured is None or empty."""

    model_config = ConfigDict(extra="ignore")

    protocol: Text = None
    """How it was measured; only figures under the same protocol may be compared."""
    n_people: Count = None
    """Held-out people."""
    n_niche_people: Count = None
    ndcg: NumberTable = Field(default_factory=dict, alias="ndcg@10")
    """Number of seeds -> model ("pipeline", "popularity", a baseline) -> NDCG@10."""
    ci95: IntervalTable = Field(default_factory=dict)
    """95 % intervals over people, as `ndcg`."""
    beyond: Annotated[dict[str, NumberTable], BeforeValidator(_tables)] = Field(default_factory=dict)
    """Number of seeds -> model -> metric beyond accuracy -> value."""
    beyond_ci95: Annotated[dict[str, IntervalTable], BeforeValidator(_tables)] = Field(default_factory=dict)
    calibration: NumberTable = Field(default_factory=dict)
    """Rung of the ladder -> "ece", the expected calibration error."""
    _document: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="wrap")
    @classmethod
    def _store_document(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        metrics = handler(value)
        if isinstance(value, dict):
            metrics._document = value
        return metrics

    @model_serializer
    def _write_document(self) -> dict[str, Any]:
        return self._document

    @property
    def document(self) -> dict[str, Any]:
        """The JSON object as training wrote it, unknown keys included."""
        return self._document

    def score(self, model: str = "pipeline") -> float | None:
        """NDCG@10 at MAIN_SEEDS."""
        return self.ndcg.get(MAIN_SEEDS, {}).get(model)

    def interval(self, model: str = "pipeline") -> tuple[float, float] | None:
        """95 % interval over people of `score`."""
        return self.ci95.get(MAIN_SEEDS, {}).get(model)

    def beyond_accuracy(self, metric: str, model: str = "pipeline") -> float | None:
        """A metric beyond accuracy, such as "coverage@10", at MAIN_SEEDS."""
        return self.beyond.get(MAIN_SEEDS, {}).get(model, {}).get(metric)
