"""From the entities of a LUIS application to entities with components, as the service documents the migration.

Only the leaves of structured entities become entities, under the name of their parent and their own. Roles become
entities of their own. Lists, prebuilts and regular expressions that were features of an entity become its components.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cluvault.emulator.versions import ApiVersion

PREBUILTS: Final[Mapping[str, str]] = {
    "age": "Quantity.Age",
    "datetime": "DateTime",
    "datetimev2": "DateTime",
    "dimension": "Quantity.Dimension",
    "email": "Email",
    "geography": "Geography.Location",
    "geographyv2": "Geography.Location",
    "money": "Quantity.Currency",
    "number": "Quantity.Number",
    "ordinal": "Quantity.Ordinal",
    "ordinalv2": "Quantity.Ordinal",
    "percentage": "Quantity.Percentage",
    "personname": "Person.Name",
    "phonenumber": "Phone Number",
    "temperature": "Quantity.Temperature",
    "url": "URL",
}
"""What LUIS's prebuilt entities (in lower case) are called now; keyPhrase and encyclopedia have no successor."""


def warning(message: str) -> Problem:
    """Something of the application that is not transferred, or not as it was; recorded warnings have no target."""
    return Problem("Warning", message)


@dataclass(slots=True)
class Node:
    """What became of an entity of the application, or of a part of one.

    Attributes:
        category: The entity that its labels name; None when they are left out.
        children: Its parts by their names.
        roles: The entities of its roles.
    """

    category: str | None
    children: dict[str, Node] = field(default_factory=dict[str, "Node"])
    roles: dict[str, str] = field(default_factory=dict[str, str])


class Catalogue:
    """The entities of a project, and the way from the application's entities to them.

    Attributes:
        entities: By category, in the order of the application.
        nodes: What became of each entity of the application.
        warnings: What was not transferred.
    """

    def __init__(self, app: Mapping[str, Any], version: ApiVersion) -> None:
        self.entities: dict[str, dict[str, Any]] = {}
        self.nodes: dict[str, Node] = {}
        self.warnings: list[Problem] = []
        self._language: str = app["language"]
        self._components: dict[str, dict[str, Any]] = {}
        self._collect_components(app, has_regex=version.regex)
        for name in ("entities", "hierarchicals"):
            for entity in app[name]:
                self.nodes[entity["name"]] = self._learned(entity)
        for name in ("closedLists", "regex_entities", "prebuiltEntities"):
            for entity in app[name]:
                self._add_component(entity)
        for name, what in (("composites", "composite entity"), ("patternAnyEntities", "Pattern.Any entity")):
            for entity in app[name]:
                self._leave_out(entity, what)

    def find(self, name: str) -> Node | None:
        """What became of a labelled entity; old schemas label the part of a hierarchical one `Parent::Part`."""
        parent, _, part = name.partition("::")
        if name in self.nodes or not part:
            return self.nodes.get(name)
        node = self.nodes.get(parent)
        return node.children.get(part) if node is not None else None

    # --- components ------------------------------------------------------------------------------------------------

    def _collect_components(self, app: Mapping[str, Any], *, has_regex: bool) -> None:
        for one in app["closedLists"]:
            self._components[one["name"]] = {
                "list": {"sublists": [self._sublist(sub) for sub in one.get("subLists", ())]}
            }
        for one in app["prebuiltEntities"]:
            if category := PREBUILTS.get(one["name"].lower()):
                self._components[one["name"]] = {"prebuilts": [{"category": category}]}
        for one in app["regex_entities"] if has_regex else ():
            expression = {"regexKey": one["name"], "language": self._language, "regexPattern": one["regexPattern"]}
            self._components[one["name"]] = {"regex": {"expressions": [expression]}}

    def _sublist(self, sublist: Mapping[str, Any]) -> dict[str, Any]:
        """A list key with its synonyms; the key itself is one of them, as a public pair of projects shows."""
        key: str = sublist["canonicalForm"]
        values: list[str] = sublist.get("list", [])
        return {
            "listKey": key,
            "synonyms": [{"language": self._language, "values": values if key in values else [*values, key]}],
        }

    # --- entities --------------------------------------------------------------------------------------------------

    def _add_component(self, entity: Mapping[str, Any]) -> None:
        """A list, regular expression or prebuilt: an entity with one component, and one more for each role."""
        name: str = entity["name"]
        component = self._components.get(name)
        if component is None:
            self._leave_out(entity, "entity without a counterpart")
            return
        self._add(name, component)
        self.nodes[name] = Node(name, roles=self._add_roles(entity, component))

    def _learned(self, entity: Mapping[str, Any], parent: str = "") -> Node:
        """A leaf becomes an entity, under the name of its parent and its own; of a structured one only leaves stay."""
        name: str = entity["name"]
        if children := entity.get("children"):
            self._warn_of_parent(entity, is_outermost=not parent)
            return Node(None, {child["name"]: self._learned(child, name) for child in children})
        category = f"{parent}.{name}" if parent else name
        components = self._components_of(entity)
        self._add(category, components)
        return Node(category, roles=self._add_roles(entity, components))

    def _warn_of_parent(self, entity: Mapping[str, Any], *, is_outermost: bool) -> None:
        name: str = entity["name"]
        if is_outermost:
            message = f"Only the leaves of the structured entity `{name}` are transferred."
            self.warnings.append(warning(message))
        models = [feature["modelName"] for feature in entity.get("features", ()) if "modelName" in feature]
        for what, names in (("features", models), ("roles", entity.get("roles"))):
            if names:
                message = f"The {what} of the structured entity `{name}` are not transferred: {quoted(names)}."
                self.warnings.append(warning(message))

    def _components_of(self, entity: Mapping[str, Any]) -> dict[str, Any]:
        """The components of a learned entity: the lists, regular expressions and prebuilts among its features."""
        joined: dict[str, Any] = {}
        is_required = False
        for feature in entity.get("features", ()):
            model = feature.get("modelName")
            if model is None:
                continue  # a phrase list: reported once for all
            if model not in self._components:
                message = f"The feature `{model}` of the entity `{entity['name']}` is not transferred."
                self.warnings.append(warning(message))
                continue
            joined = _joined(joined, self._components[model])
            is_required = is_required or feature.get("isRequired", False)
        return ({"compositionSetting": "requireExactOverlap"} if is_required else {}) | joined

    def _add_roles(self, entity: Mapping[str, Any], components: dict[str, Any]) -> dict[str, str]:
        """An entity for each role, with the components of the entity itself."""
        roles: list[str] = entity.get("roles", [])
        for role in roles:
            self._add(role, components)
        return {role: role for role in roles}

    def _add(self, category: str, components: dict[str, Any]) -> None:
        if category in self.entities:
            message = f"Several entities or roles become `{category}`; their components were joined."
            self.warnings.append(warning(message))
        self.entities[category] = _joined(self.entities.get(category, {"category": category}), components)

    def _leave_out(self, entity: Mapping[str, Any], what: str) -> None:
        self.nodes[entity["name"]] = Node(None)
        self.warnings.append(warning(f"The {what} `{entity['name']}` is not transferred."))


def quoted(names: Iterable[str]) -> str:
    """Names in backticks."""
    return ", ".join(f"`{name}`" for name in names)


def _joined(entity: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """An entity with more components; nothing that is passed in changes."""
    joined = entity | components
    if "list" in entity and "list" in components:
        joined["list"] = {"sublists": entity["list"]["sublists"] + components["list"]["sublists"]}
    if "regex" in entity and "regex" in components:
        joined["regex"] = {"expressions": entity["regex"]["expressions"] + components["regex"]["expressions"]}
    if "prebuilts" in entity and "prebuilts" in components:
        added = [item for item in components["prebuilts"] if item not in entity["prebuilts"]]
        joined["prebuilts"] = entity["prebuilts"] + added
    return joined
