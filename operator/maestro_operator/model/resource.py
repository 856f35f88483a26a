"""The base of every value that mirrors a part of the custom resource.

Python names are snake_case and the resource's are camelCase; the alias generator is the one
place where the two meet. Unknown fields are refused: the API server prunes or rejects them
first, so one that arrives here means that the schema and the model have drifted apart.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class ResourceValue(BaseModel):
    """A frozen part of the resource, read with camelCase names and written back the same way."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        use_enum_values=False,
    )

    def to_resource(self) -> dict[str, object]:
        """Return the camelCase mapping that the API server stores, without unset fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class SecretReference(ResourceValue):
    """The name of a Secret in the pair's own namespace."""

    name: str


class Empty(ResourceValue):
    """A choice without settings."""


class Ssh(ResourceValue):
    """How the operator reaches a host; never by a name or address that moves."""

    host: str
    port: int = 22
    user: str = "maestro"
    host_key: str
    credentials_secret: SecretReference
