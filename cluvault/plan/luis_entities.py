"""What becomes of the entities of a LUIS application, as Microsoft documents the migration.

The source of each rule is the page "Migrate from LUIS to CLU"; the names of leaves, the key among its own synonyms and
the composition setting are those of a public pair of projects, the pizza samples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.plan.losses import Loss

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.luis_app import LuisApp, LuisEntity

_QUANTITIES: Final = ("Age", "Dimension", "Number", "Ordinal", "Percentage", "Temperature")
_SUCCESSORS: Final[Mapping[str, str]] = {
    **{quantity.lower(): f"Quantity.{quantity}" for quantity in _QUANTITIES},
    "ordinalv2": "Quantity.Ordinal",
    "money": "Quantity.Currency",
    "datetime": "DateTime",
    "datetimev2": "DateTime",
    "geography": "Geography.Location",
    "geographyv2": "Geography.Location",
    "personname": "Person.Name",
    "phonenumber": "Phone Number",
    "email": "Email",
    "url": "URL",
}
"""Prebuilt entities in lower case; those of LUIS that are missing here have no successor."""

Path = tuple[str, ...]
"""An entity or part of one, by the names from the outermost in; one name for most."""


@dataclass(slots=True)
class MigratedEntities:
    """The entities of the project, and where the labels of the application's entities go.

    Attributes:
        entities: By category.
        categories: Of each entity or part that has one.
        parents: The entities that are ignored in favour of their parts, and those that are removed.
        roles: The category of each (entity, role).
        losses: What has no counterpart.
    """

    entities: dict[str, JsonObject] = field(default_factory=dict[str, "JsonObject"])
    categories: dict[Path, str] = field(default_factory=dict[Path, str])
    without: set[Path] = field(default_factory=set[Path])
    roles: dict[tuple[Path, str], str] = field(default_factory=dict[tuple[Path, str], str])
    losses: list[Loss] = field(default_factory=list[Loss])

    def lose(self, pointer: str, sentence: str) -> None:
        """Note a loss; none needs leave, for a migration without them does not exist."""
        self.losses.append(Loss(pointer, sentence))

    def put(self, category: str, components: JsonObject, pointer: str) -> None:
        """An entity with its components; one that is there already gets them too."""
        present = self.entities.get(category)
        if present is not None:
            self.lose(pointer, f"{category!r} is the name of several entities or roles, which become one")
        self.entities[category] = join_components(present or {"category": category}, components)


def migrate_entities(app: LuisApp, *, language: str, has_regex: bool) -> MigratedEntities:
    """Convert the entities of an application.

    Args:
        app: The application.
        language: The project's.
        has_regex: Whether the api-version knows regular expressions.
    """
    document = cast("JsonObject", app.document)
    components = _components(document, language, has_regex=has_regex)
    done = MigratedEntities()
    for kind in ("entities", "hierarchicals"):
        for pointer, entity in _each(document, kind):
            _migrate_learned(entity, (), pointer, components, done)
    for kind in ("closedLists", "regex_entities", "prebuiltEntities", "bing_entities"):
        for pointer, entity in _each(document, kind):
            _migrate_component(entity, pointer, components, done)
    for kind, noun in (("composites", "composite"), ("patternAnyEntities", "Pattern.Any")):
        for pointer, entity in _each(document, kind):
            done.without.add((entity["name"],))
            done.lose(pointer, f"the {noun} entity {entity['name']!r}")
    return done


def _each(document: JsonObject, kind: str) -> Iterator[tuple[str, LuisEntity]]:
    items: list[Any] = document.get(kind) or []
    for index, item in enumerate(items):
        yield f"/{kind}/{index}", {"name": item} if isinstance(item, str) else item


# --- components ----------------------------------------------------------------------------------------------------


def _components(document: JsonObject, language: str, *, has_regex: bool) -> dict[str, JsonObject]:
    """The component that each list, regular expression and prebuilt entity is, by its name."""
    found: dict[str, JsonObject] = {}
    for _, entity in _each(document, "closedLists"):
        sublists: Sequence[JsonObject] = cast("JsonObject", entity).get("subLists") or ()
        found[entity["name"]] = {"list": {"sublists": [_sublist(sublist, language) for sublist in sublists]}}
    for _, entity in _each(document, "regex_entities") if has_regex else ():
        expression = {"regexKey": entity["name"], "language": language, "regexPattern": entity.get("regexPattern")}
        found[entity["name"]] = {"regex": {"expressions": [expression]}}
    for kind in ("prebuiltEntities", "bing_entities"):
        for _, entity in _each(document, kind):
            if successor := _SUCCESSORS.get(entity["name"].lower()):
                found[entity["name"]] = {"prebuilts": [{"category": successor}]}
    return found


def _sublist(sublist: JsonObject, language: str) -> JsonObject:
    words = with_key(sublist["canonicalForm"], sublist.get("list") or [])
    return {"listKey": sublist["canonicalForm"], "synonyms": [{"language": language, "values": words}]}


def with_key(key: str, words: list[str]) -> list[str]:
    """Synonyms among which their list key is."""
    return words if key in words else [*words, key]


def join_components(entity: JsonObject, more: JsonObject) -> JsonObject:
    """An entity with the components of both; the arguments stay as they are."""
    joined = entity | more
    for name, items in (("list", "sublists"), ("regex", "expressions")):
        if name in entity and name in more:
            joined[name] = {items: [*entity[name][items], *more[name][items]]}
    if "prebuilts" in entity and "prebuilts" in more:
        known: list[JsonObject] = entity["prebuilts"]
        joined["prebuilts"] = [*known, *(item for item in more["prebuilts"] if item not in known)]
    return joined


# --- entities ------------------------------------------------------------------------------------------------------


def _migrate_component(
    entity: LuisEntity, pointer: str, components: Mapping[str, JsonObject], done: MigratedEntities
) -> None:
    name = entity["name"]
    component = components.get(name)
    if component is None:
        done.without.add((name,))
        done.lose(pointer, f"the entity {name!r}, which has no counterpart")
        return
    done.put(name, component, pointer)
    done.categories[name,] = name
    _migrate_roles(entity, (name,), component, done, pointer)


def _migrate_learned(
    entity: LuisEntity, parents: Path, pointer: str, components: Mapping[str, JsonObject], done: MigratedEntities
) -> None:
    """A leaf becomes an entity; of a structured entity only the leaves are left."""
    path = (*parents, entity["name"])
    children = entity.get("children") or ()
    if not children:
        category = ".".join(path[-2:])
        own = _features(entity, pointer, components, done)
        done.put(category, own, pointer)
        done.categories[path] = category
        _migrate_roles(entity, path, own, done, pointer)
        return
    done.without.add(path)
    if not parents:
        done.lose(pointer, f"the structured entity {entity['name']!r}: only its leaves become entities")
    for index, feature in enumerate(entity.get("features") or ()):
        if model := feature.get("modelName"):
            done.lose(f"{pointer}/features/{index}", f"the feature {model!r} of {entity['name']!r}")
    for index, role in enumerate(entity.get("roles") or ()):
        done.lose(f"{pointer}/roles/{index}", f"the role {role!r} of the structured entity {entity['name']!r}")
    for index, child in enumerate(children):
        _migrate_learned(child, path, f"{pointer}/children/{index}", components, done)


def _features(
    entity: LuisEntity, pointer: str, components: Mapping[str, JsonObject], done: MigratedEntities
) -> JsonObject:
    """The components that an entity gets from its features; phrase lists are lost as a whole, not here."""
    own: JsonObject = {}
    for index, feature in enumerate(entity.get("features") or ()):
        model = feature.get("modelName") or ""
        if model in components:
            own = join_components(own, components[model])
            if feature.get("isRequired"):
                own["compositionSetting"] = "requireExactOverlap"
        elif model:
            done.lose(f"{pointer}/features/{index}", f"the feature {model!r} of the entity {entity['name']!r}")
    return own


def _migrate_roles(
    entity: LuisEntity, path: Path, components: JsonObject, done: MigratedEntities, pointer: str
) -> None:
    for role in entity.get("roles") or ():
        done.put(role, components, pointer)
        done.roles[path, role] = role
