"""The base of all pydantic models of ours, bundle files and API alike."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class FrozenBaseModel(BaseModel):
    """An immutable model that refuses unknown fields; a docstring under a field is its description in OpenAPI."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, serialize_by_alias=True)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Itself, since nothing changes it: pydantic copies a field's default at each use."""
        return self
