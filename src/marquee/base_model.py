"""The base of all pydantic models of ours, bundle files and API alike."""

from pydantic import BaseModel, ConfigDict


class FrozenBaseModel(BaseModel):
    """An immutable model that refuses unknown fields; a docstring under a field is its description in OpenAPI."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, serialize_by_alias=True)
