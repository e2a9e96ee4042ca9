"""Entities in canonical form, and back: components merged and sorted, so that what means the same is the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.plan.plain_values import in_order, plain_members, without_empty

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_shape import Entity

DEFAULT_COMPOSITION: Final = "combineComponents"
_MAY_BE_EMPTY: Final = frozenset({"description", "list", "prebuilts", "regex", "requiredComponents"})
_EXPRESSION_MAY_BE_EMPTY: Final = frozenset({"regexKey", "regexPattern"})


def canonical_entity(entity: Entity, language: str) -> JsonObject:
    """The entity with defaults filled in; `language` is the project's, lower case.

    Its `list` is {keys: list key → language → sorted synonyms, other}, its `regex` {expressions, other}; `other` holds
    what this version does not know of them.
    """
    value = plain_members(cast("JsonObject", entity))
    value["compositionSetting"] = value.get("compositionSetting") or DEFAULT_COMPOSITION
    value["requiredComponents"] = sorted(set(value.get("requiredComponents") or ()))
    value["prebuilts"] = in_order(value.get("prebuilts") or ())
    value["list"] = _synonyms(value.get("list") or {}, language)
    value["regex"] = _expressions(value.get("regex") or {}, language)
    return without_empty(value, _MAY_BE_EMPTY)


def entity_document(value: JsonObject) -> JsonObject:
    """The canonical entity as a project file writes it."""
    components = {"list": _list_document, "regex": _regex_document}
    return value | {name: write(value[name]) for name, write in components.items() if name in value}


# --- list ----------------------------------------------------------------------------------------------------------


def _synonyms(component: JsonObject, language: str) -> JsonObject:
    keys: dict[str, dict[str, list[str]]] = {}
    other = [*_other(component, {"sublists"}, [])]
    for sublist in component.get("sublists") or ():
        key = sublist.get("listKey") or ""
        languages = keys.setdefault(key, {})
        other += _other(sublist, {"listKey", "synonyms"}, [key])
        for group in sublist.get("synonyms") or ():
            tag = (group.get("language") or language).lower()
            other += _other(group, {"language", "values"}, [key, tag])
            if values := group.get("values"):
                languages[tag] = sorted(languages.get(tag, []) + values)
    return ({"keys": keys} if keys else {}) | ({"other": in_order(other)} if other else {})


def _other(value: JsonObject, known: set[str], place: list[str]) -> Iterable[JsonObject]:
    unknown = {key: item for key, item in value.items() if key not in known}
    return [{"at": place, "members": unknown}] if unknown else []


def _list_document(value: JsonObject) -> JsonObject:
    sublists: list[JsonObject] = [
        {"listKey": key, "synonyms": [{"language": tag, "values": words} for tag, words in languages.items()]}
        for key, languages in value.get("keys", {}).items()
    ]
    component: JsonObject = {}
    for other in value.get("other", ()):
        match other["at"]:
            case []:
                component = other["members"]
            case [key]:
                sublists.append({"listKey": key} | other["members"])
            case place:
                key, tag = place
                sublists.append({"listKey": key, "synonyms": [{"language": tag} | other["members"]]})
    return {"sublists": sublists} | component


# --- regex ---------------------------------------------------------------------------------------------------------


def _expressions(component: JsonObject, language: str) -> JsonObject:
    expressions = in_order(_expression(item, language) for item in component.get("expressions") or ())
    other = {key: item for key, item in component.items() if key != "expressions"}
    return ({"expressions": expressions} if expressions else {}) | ({"other": other} if other else {})


def _expression(value: JsonObject, language: str) -> JsonObject:
    tag: str = value.get("language") or language
    return without_empty(value, _EXPRESSION_MAY_BE_EMPTY) | {"language": tag.lower()}


def _regex_document(value: JsonObject) -> JsonObject:
    expressions: list[Any] = value.get("expressions", [])
    return {"expressions": expressions} | value.get("other", {})
