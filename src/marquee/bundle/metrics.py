"""The metrics of a manifest: a typed view of what evaluation measured.

A manifest is hashed, so its JSON is stored exactly as training wrote it. The view ignores unknown keys; a value of
another type, such as null or NaN, counts as not measured.
"""

import math
from typing import Annotated, Any, Self, TypeVar

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, OnErrorOmit, model_serializer, model_validator

from marquee.base_model import FrozenBaseModel

MAIN_SEEDS = 5
"""The number of seeds at which bundles are compared, and the only one with metrics beyond accuracy."""

T = TypeVar("T")
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Interval = tuple[Number, Number]
Table = dict[str, OnErrorOmit[T]]


def _count(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and math.isfinite(value) else None


Count = Annotated[int | None, BeforeValidator(_count)]
Text = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
_table_or_empty = BeforeValidator(lambda value: value if isinstance(value, dict) else {})
Numbers = Annotated[Table[Table[Number]], _table_or_empty]
Intervals = Annotated[Table[Table[Interval]], _table_or_empty]


class Metrics(FrozenBaseModel, extra="ignore"):
    """Evaluation results of a bundle; a field that was not measured is None or empty."""

    protocol: Text = None
    """How it was measured; only figures under the same protocol may be compared."""
    n_people: Count = None
    """Held-out people."""
    n_niche_people: Count = None
    ndcg: Numbers = Field({}, alias="ndcg@10")
    """Number of seeds -> model ("pipeline", "popularity", a baseline) -> NDCG@10."""
    ci95: Intervals = {}
    """95 % intervals over people, as `ndcg`."""
    beyond: Annotated[Table[Table[Table[Number]]], _table_or_empty] = {}
    """Number of seeds -> model -> metric beyond accuracy -> value."""
    beyond_ci95: Annotated[Table[Table[Table[Interval]]], _table_or_empty] = {}
    calibration: Numbers = {}
    """Rung of the ladder -> "ece", the expected calibration error."""
    not_judged: Text = None
    """What could not be judged, and why; None if all could."""
    _document: dict[str, Any] = {}

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

    @property
    def seeds(self) -> str:
        """MAIN_SEEDS, or the largest number of seeds below it at which the pipeline was judged; so for all figures."""
        judged = [int(k) for k, rows in self.ndcg.items() if k.isdecimal() and "pipeline" in rows]
        return str(max((k for k in judged if k <= MAIN_SEEDS), default=MAIN_SEEDS))

    def score(self, model: str = "pipeline", seeds: str | None = None) -> float | None:
        """NDCG@10 at a number of seeds."""
        return self.ndcg.get(seeds or self.seeds, {}).get(model)

    def interval(self, model: str = "pipeline") -> tuple[float, float] | None:
        """95 % interval over people of `score`."""
        return self.ci95.get(self.seeds, {}).get(model)

    def beyond_accuracy(self, metric: str, model: str = "pipeline", seeds: str | None = None) -> float | None:
        """A metric beyond accuracy, such as "coverage@10", at a number of seeds."""
        return self.beyond.get(seeds or self.seeds, {}).get(model, {}).get(metric)
