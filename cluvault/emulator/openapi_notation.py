"""How JSON schemas are written down for the emulator's OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NAME: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,50}$"}
FLAG: Final[Schema] = {"type": "boolean"}
NUMBER: Final[Schema] = {"type": "number"}
SHARE: Final[Schema] = {"type": "number", "minimum": 0, "maximum": 1}
PERCENT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 100}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
DATE: Final[Schema] = {"type": "string", "format": "date"}
LINK: Final[Schema] = {"type": "string", "format": "uri"}
SPAN: Final[dict[str, Schema]] = {"category": TEXT, "offset": COUNT, "length": COUNT}


def ref(name: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def page_of(name: str) -> Schema:
    """The page of a list."""
    return object_of({"value": list_of(ref(name)), "nextLink": {"anyOf": [LINK, {"type": "null"}]}})


def one_of(*values: str) -> Schema:
    """One of some texts."""
    return {"type": "string", "enum": list(values)}


def object_of(needs: Mapping[str, Schema], may: Mapping[str, Schema] | None = None) -> Schema:
    """An object that must have some members, and may have others, and no more."""
    return {
        "type": "object",
        "properties": {**needs, **(may or {})},
        "required": list(needs),
        "additionalProperties": False,
    }


def list_of(item: Schema) -> Schema:
    """An array."""
    return {"type": "array", "items": item}


def map_of(item: Schema) -> Schema:
    """An object whose members have names that nobody knows beforehand."""
    return {"type": "object", "additionalProperties": item}


def either(discriminator: str, **schemas: str) -> Schema:
    """One of some components; the discriminator's value says which."""
    mapping = {value: ref(name)["$ref"] for value, name in schemas.items()}
    return {
        "oneOf": [ref(name) for name in schemas.values()],
        "discriminator": {"propertyName": discriminator, "mapping": mapping},
    }
