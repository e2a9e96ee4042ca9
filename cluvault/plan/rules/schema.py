"""Rules for intents and entities: their names, what they refer to, their components, and whether anything uses them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.model.names import shorten
from cluvault.plan.findings import Finding, error, warning
from cluvault.plan.rules.patterns import pattern_fault
from cluvault.plan.rules.subject import too_long
from cluvault.plan.vocabulary import COMPONENTS, COMPOSITION_SETTINGS, CONVERSATION, NONE_INTENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cluvault.model.project_shape import Entity
    from cluvault.plan.rules.subject import Rule, Subject

_BUILT: Final[Mapping[str, str]] = {"list": "sublists", "regex": "expressions"}
"""Components that are objects, and the member that holds what they consist of."""


# --- names ---------------------------------------------------------------------------------------------------------


def _names(subject: Subject) -> Iterator[Finding]:
    yield from _name_faults(subject, "intents", [intent["category"] for intent in subject.file.intents])
    yield from _name_faults(subject, "entities", [entity["category"] for entity in subject.file.entities])


def _name_faults(subject: Subject, member: str, names: Sequence[str]) -> Iterator[Finding]:
    limit = subject.limits.category_length
    for index, name in enumerate(names):
        pointer = f"/assets/{member}/{index}/category"
        if not name:
            yield error(pointer, "the name is empty", "give it a name")
        if (excess := too_long(name, limit)) is not None:
            severity, length = excess
            sentence = f"the name {shorten(name, 30)!r} has {length} characters, the service allows {limit}"
            yield Finding(severity, pointer, sentence, "shorten it")
        if bad := sorted(set(name) & set(subject.limits.category_symbols)):
            sentence = f"the name {shorten(name)!r} contains {' '.join(map(repr, bad))}"
            yield error(pointer, sentence, f"use none of {' '.join(subject.limits.category_symbols)}")


def _duplicate_names(subject: Subject) -> Iterator[Finding]:
    yield from _duplicates("intents", [intent["category"] for intent in subject.file.intents])
    yield from _duplicates("entities", [entity["category"] for entity in subject.file.entities])


def _duplicates(member: str, names: Sequence[str]) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if (earlier := first.setdefault(name, index)) != index:
            yield error(
                f"/assets/{member}/{index}/category",
                f"the name {shorten(name)!r} is taken by /assets/{member}/{earlier}",
                "merge the two, or rename one",
            )


# --- references ----------------------------------------------------------------------------------------------------


def _associated_entities(subject: Subject) -> Iterator[Finding]:
    for index, intent in enumerate(subject.file.intents):
        for place, entity in enumerate(intent.get("associatedEntities") or ()):
            if entity["category"] not in subject.entities:
                yield error(
                    f"/assets/intents/{index}/associatedEntities/{place}/category",
                    f"there is no entity {shorten(entity['category'])!r}",
                    "add the entity, or correct the name",
                )


def _required_components(subject: Subject) -> Iterator[Finding]:
    for index, entity in enumerate(subject.file.entities):
        for place, component in enumerate(entity.get("requiredComponents") or ()):
            pointer = f"/assets/entities/{index}/requiredComponents/{place}"
            if component not in COMPONENTS.values():
                known = ", ".join(COMPONENTS.values())
                yield warning(pointer, f"{shorten(component)!r} is no known component", f"use {known}")
            elif not _has_component(entity, component) and not (
                component == "learned" and entity["category"] in subject.labelled
            ):
                yield warning(
                    pointer,
                    f"the entity {shorten(entity['category'])!r} requires a component that it has not: {component}",
                    "add the component, or no longer require it: the entity will never be predicted",
                )


def _has_component(entity: Entity, component: str) -> bool:
    value: Any = cast("Mapping[str, Any]", entity).get(component)
    return bool(value and (value.get(_BUILT[component]) if component in _BUILT else value))


# --- components ----------------------------------------------------------------------------------------------------


def _composition(subject: Subject) -> Iterator[Finding]:
    for index, entity in enumerate(subject.file.entities):
        setting = entity.get("compositionSetting")
        if setting and setting not in COMPOSITION_SETTINGS.values():
            yield warning(
                f"/assets/entities/{index}/compositionSetting",
                f"{shorten(setting)!r} is no known setting",
                "use combineComponents or separateComponents",
            )


def _synonyms(subject: Subject) -> Iterator[Finding]:
    limits, total = subject.limits, 0
    for index, entity in enumerate(subject.file.entities):
        found = _count_synonyms(entity)
        total += found
        if found > limits.synonyms_per_entity:
            yield error(
                f"/assets/entities/{index}/list",
                f"{found} synonyms in one entity, the service allows {limits.synonyms_per_entity}",
                "split the entity, or remove synonyms",
            )
    if total > limits.synonyms:
        yield error(
            "/assets/entities",
            f"{total} synonyms, the service allows {limits.synonyms} in a project",
            "remove synonyms",
        )


def _count_synonyms(entity: Entity) -> int:
    return sum(
        len(group.get("values") or ())
        for sublist in (entity.get("list") or {}).get("sublists") or ()
        for group in sublist.get("synonyms") or ()
    )


def _prebuilts(subject: Subject) -> Iterator[Finding]:
    for index, entity in enumerate(subject.file.entities):
        found = len(entity.get("prebuilts") or ())
        if found > subject.limits.prebuilts:
            yield error(
                f"/assets/entities/{index}/prebuilts",
                f"{found} prebuilt components in one entity, the service allows {subject.limits.prebuilts}",
                "split the entity, or remove prebuilts",
            )


def _expressions(subject: Subject) -> Iterator[Finding]:
    total = 0
    for index, entity in enumerate(subject.file.entities):
        for place, expression in enumerate((entity.get("regex") or {}).get("expressions") or ()):
            total += 1
            pattern = expression.get("regexPattern") or ""
            if fault := pattern_fault(pattern):
                yield warning(
                    f"/assets/entities/{index}/regex/expressions/{place}/regexPattern",
                    f"the pattern {shorten(pattern, 40)!r} looks broken: {fault}",
                    "correct it, in the dialect of .NET",
                )
    if total > subject.limits.expressions:
        yield error(
            "/assets/entities",
            f"{total} regular expressions, the service allows {subject.limits.expressions} in a project",
            "merge some with |, or remove them",
        )


# --- use -----------------------------------------------------------------------------------------------------------


def _unused_intents(subject: Subject) -> Iterator[Finding]:
    """An intent that is linked to a target learns from the target's utterances."""
    uses = Counter(utterance["intent"] for utterance in subject.file.utterances)
    for index, intent in enumerate(subject.file.intents):
        name = intent["category"]
        if name != NONE_INTENT and name not in uses and intent.get("orchestration") is None:
            yield warning(
                f"/assets/intents/{index}",
                f"no utterance has the intent {shorten(name)!r}",
                "add utterances, or remove the intent: it will never be predicted",
            )


def _idle_entities(subject: Subject) -> Iterator[Finding]:
    if subject.kind != CONVERSATION:
        return
    for index, entity in enumerate(subject.file.entities):
        name = entity["category"]
        if name not in subject.labelled and not any(
            _has_component(entity, kind) for kind in ("list", "prebuilts", "regex")
        ):
            yield warning(
                f"/assets/entities/{index}",
                f"no utterance labels the entity {shorten(name)!r}, and it has no component",
                "label it, give it a component, or remove it: it will never be predicted",
            )


RULES: Final[tuple[Rule, ...]] = (
    _names,
    _duplicate_names,
    _associated_entities,
    _required_components,
    _composition,
    _synonyms,
    _prebuilts,
    _expressions,
    _unused_intents,
    _idle_entities,
)
