"""Rule for members that this version does not know: the service parses strictly and refuses what it does not know."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model import project_shape as shapes
from cluvault.model.names import shorten
from cluvault.plan.findings import warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluvault.model.json_text import JsonObject
    from cluvault.plan.findings import Finding
    from cluvault.plan.rules.subject import Rule, Subject

_LIST_IN_DISGUISE: Final = re.compile(r"/assets/entities/[0-9]+/entities")


@dataclass(frozen=True, slots=True)
class _Shape:
    """The members of an object, and the shapes of those that are objects (or arrays of objects) themselves."""

    members: frozenset[str]
    inner: Mapping[str, _Shape] = field(default_factory=dict[str, "_Shape"])


def _shape(of: Any, **inner: _Shape) -> _Shape:
    return _Shape(frozenset(of.__annotations__), inner)


_REFERENCE: Final = _shape(shapes.CategoryRef)
_DOCUMENT: Final = _shape(
    shapes.Document,
    metadata=_shape(shapes.Metadata, settings=_shape(shapes.Settings)),
    assets=_shape(
        shapes.Assets,
        intents=_shape(shapes.Intent, associatedEntities=_REFERENCE),
        entities=_shape(
            shapes.Entity,
            list=_shape(shapes.EntityList, sublists=_shape(shapes.Sublist, synonyms=_shape(shapes.Synonyms))),
            prebuilts=_REFERENCE,
            regex=_shape(shapes.EntityRegex, expressions=_shape(shapes.Expression)),
        ),
        utterances=_shape(shapes.Utterance, entities=_shape(shapes.Label)),
        conversations=_shape(shapes.Conversation),
    ),
)


def _unknown_members(subject: Subject) -> Iterator[Finding]:
    for pointer in _strangers(subject.file.document, _DOCUMENT):
        yield warning(
            pointer,
            f"cluvault does not know the member {shorten(pointer.rpartition('/')[2])!r}, the service may refuse it",
            "call it 'list': that is its name on the wire"
            if _LIST_IN_DISGUISE.fullmatch(pointer)
            else "remove it, or import the file with the API version that wrote it",
        )


def _strangers(value: Any, shape: _Shape) -> list[str]:
    """Pointers to unknown members, from `value` on; most objects have none, and cost no pointer."""
    if isinstance(value, list):
        items = cast("list[JsonObject]", value)
        suspects = items if shape.inner else [item for item in items if not shape.members.issuperset(item)]
        if not suspects:
            return []
        return [f"/{index}{pointer}" for index, item in enumerate(items) for pointer in _strangers(item, shape)]
    members = cast("JsonObject", value)
    found: list[str] = []
    if not shape.members.issuperset(members):
        found += [f"/{shapes.pointer_part(key)}" for key in members if key not in shape.members]
    for key, inner in shape.inner.items():
        if below := members.get(key):
            found += [f"/{key}{pointer}" for pointer in _strangers(below, inner)]
    return found


RULES: Final[tuple[Rule, ...]] = (_unknown_members,)
