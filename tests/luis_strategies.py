"""Hypothesis strategies for LUIS applications: few names, so that they meet, and every way to nest and to label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

    from cluvault.model.json_text import JsonObject

NAMES = st.sampled_from(["A", "B", "C", "from", "number", "Pizza"])
ROLES = st.lists(st.sampled_from(["from", "to"]), max_size=2, unique=True)


@st.composite
def named(draw: DrawFn, **members: Any) -> JsonObject:
    """An entity of no parts."""
    return {"name": draw(NAMES), "roles": draw(ROLES)} | members


@st.composite
def learned(draw: DrawFn, depth: int = 2) -> JsonObject:
    """A learned entity with features, and with parts, of which some are names alone."""
    entity = draw(named())
    entity["features"] = [
        {"modelName": draw(NAMES), "isRequired": draw(st.booleans())} for _ in range(draw(st.integers(0, 2)))
    ]
    parts: dict[str, Any] = {}
    for _ in range(draw(st.integers(0, 2 if depth else 0))):
        part = draw(learned(depth - 1))
        parts[part["name"]] = part if draw(st.booleans()) else part["name"]
    return entity | {"children": list(parts.values())}


@st.composite
def labels(draw: DrawFn, depth: int = 2) -> list[JsonObject]:
    """Labels with labels in them, of entities that there are or are not."""
    found: list[JsonObject] = []
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, 9))
        label = {
            "entity": draw(NAMES | st.just("A::B")),
            "startPos": start,
            "endPos": start + draw(st.integers(0, 4)),
            "role": draw(st.none() | NAMES),
            "children": draw(labels(depth - 1)) if depth else [],
        }
        found.append(label)
    return found


@st.composite
def luis_applications(draw: DrawFn) -> JsonObject:
    """Applications in which each name is one entity's, as LUIS has it; parts and roles may have it too."""
    kinds: dict[str, st.SearchStrategy[JsonObject]] = {
        "entities": learned(),
        "hierarchicals": learned(),
        "closedLists": named(subLists=[{"canonicalForm": "k", "list": ["w"]}]),
        "regex_entities": named(regexPattern="x"),
        "prebuiltEntities": named(),
        "composites": named(),
        "patternAnyEntities": named(),
    }
    app: JsonObject = {"luis_schema_version": "7.0.0", "culture": draw(st.sampled_from(["en-us", "fr-ca"]))}
    taken: set[str] = set()
    for kind, entities in kinds.items():
        app[kind] = [one for one in draw(st.lists(entities, max_size=2)) if one["name"] not in taken]
        app[kind] = list({one["name"]: one for one in app[kind]}.values())
        taken |= {one["name"] for one in app[kind]}
    app["utterances"] = [{"text": "one two three", "intent": "None", "entities": draw(labels())}]
    return app
