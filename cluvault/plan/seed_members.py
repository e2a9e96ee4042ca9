"""Intents and entities of a new project: what project file, schema and rows name, brought together; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cluvault.errors import InvalidSeed, SeedFault
from cluvault.model.names import shorten
from cluvault.model.seed import PROJECT_LANGUAGE
from cluvault.plan.entity_form import DEFAULT_COMPOSITION
from cluvault.plan.vocabulary import NONE_INTENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_file import ProjectFile
    from cluvault.model.seed import EntitySchema, IntentSchema, Schema, SeedUtterance, Target


@dataclass(frozen=True, slots=True)
class Members:
    """The intents, None among them, and the entities of a project; `notes` says which came from rows alone."""

    intents: list[JsonObject]
    entities: list[JsonObject]
    notes: tuple[str, ...]


def gather_members(seed: ProjectFile, schema: Schema | None, rows: Sequence[SeedUtterance]) -> Members:
    """Bring together what the project file, the schema and the rows name.

    Raises:
        InvalidSeed: there is a schema, and rows use names that neither it nor the project file has.
    """
    old_intents, old_entities = cast("list[JsonObject]", seed.intents), cast("list[JsonObject]", seed.entities)
    language = seed.metadata["language"]
    intents = {name: _intent_members(intent) for name, intent in schema.intents.items()} if schema else {}
    entities = {name: _entity_members(entity, language) for name, entity in schema.entities.items()} if schema else {}
    new_intents = _uses("intent", rows, {*_names(old_intents), *intents, NONE_INTENT})
    new_entities = _uses("entity", rows, {*_names(old_entities), *entities})
    if schema is not None and (unknown := [*new_intents.values(), *new_entities.values()]):
        raise InvalidSeed([use.fault() for use in unknown], mend="add the names to the schema, or correct the rows")
    all_intents = _overlay(old_intents, intents | {name: {} for name in new_intents})
    if NONE_INTENT not in _names(all_intents):
        all_intents.insert(0, {"category": NONE_INTENT})
    blank = {"compositionSetting": DEFAULT_COMPOSITION}
    all_entities = _overlay(old_entities, entities | {name: {} for name in new_entities}, blank=blank)
    notes = (*_created("intents", new_intents), *_created("entities", new_entities))
    return Members(all_intents, all_entities, notes)


def _names(items: Iterable[JsonObject]) -> set[str]:
    return {item["category"] for item in items}


def _overlay(
    old: Sequence[JsonObject], said: Mapping[str, JsonObject], *, blank: Mapping[str, str] | None = None
) -> list[JsonObject]:
    """Old items with what is said about them put over, then new ones."""
    known = _names(old)
    return [
        *(item | said.get(item["category"], {}) for item in old),
        *({"category": name, **(blank or {}), **fields} for name, fields in said.items() if name not in known),
    ]


# --- names that rows use -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Use:
    """A name that rows use and nothing else knows."""

    noun: str
    name: str
    first: SeedUtterance
    times: int

    def fault(self) -> SeedFault:
        times = f"; {self.times} rows use it" if self.times > 1 else ""
        sentence = f"{self.noun} {shorten(self.name)!r} is not in the schema{times}"
        return SeedFault(self.first.source, self.first.line, "", sentence)


def _uses(noun: str, rows: Sequence[SeedUtterance], known: set[str]) -> dict[str, _Use]:
    """The unknown names by first use."""
    first: dict[str, SeedUtterance] = {}
    times: Counter[str] = Counter()
    for row in rows:
        names = {row.intent} if noun == "intent" else dict.fromkeys(label.category for label in row.labels)
        for name in names:
            if name not in known:
                first.setdefault(name, row)
                times[name] += 1
    return {name: _Use(noun, name, row, times[name]) for name, row in first.items()}


def _created(noun: str, names: Iterable[str]) -> Iterable[str]:
    if listed := ", ".join(map(shorten, names)):
        yield f"{noun} created because rows use them: {listed}"


# --- the schema in the service's words -----------------------------------------------------------------------------


def _intent_members(intent: IntentSchema) -> JsonObject:
    target = {"orchestration": _target(intent.target)} if intent.target is not None else {}
    return _described(intent.description) | target


def _target(target: Target) -> JsonObject:
    if target.conversation is not None:
        kind, member = "Conversation", "conversationOrchestration"
        names = {"projectName": target.conversation, "deploymentName": target.deployment}
    else:
        kind, member = "QuestionAnswering", "questionAnsweringOrchestration"
        names = {"projectName": target.question_answering}
    return {"targetProjectKind": kind, member: names}


def _entity_members(entity: EntitySchema, language: str) -> JsonObject:
    members: JsonObject = {
        "compositionSetting": entity.composition,
        "list": _list(entity, language),
        "regex": _regex(entity, language),
        "prebuilts": [{"category": name} for name in entity.prebuilts],
        "requiredComponents": list(entity.required),
    }
    return _described(entity.description) | {key: value for key, value in members.items() if value}


def _described(description: str) -> JsonObject:
    return {"description": description} if description else {}


def _list(entity: EntitySchema, language: str) -> JsonObject:
    sublists = [
        {
            "listKey": key,
            "synonyms": [
                {"language": language if tag == PROJECT_LANGUAGE else tag, "values": list(values)}
                for tag, values in synonyms.items()
            ],
        }
        for key, synonyms in entity.lists.items()
    ]
    return {"sublists": sublists} if sublists else {}


def _regex(entity: EntitySchema, language: str) -> JsonObject:
    expressions = [
        {"regexKey": key, "language": language if tag == PROJECT_LANGUAGE else tag, "regexPattern": pattern}
        for key, patterns in entity.regex.items()
        for tag, pattern in patterns.items()
    ]
    return {"expressions": expressions} if expressions else {}
