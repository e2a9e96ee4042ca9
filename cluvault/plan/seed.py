"""Create-and-seed: a project file in the current shape out of a definition, seeds and a schema; pure.

Readers of the seeds: `plan.seed_rows` (CSV, JSONL), `plan.seed_schema` (YAML, JSON), `model.project_file`.

- What the user says wins over the schema, the schema over the seed that is a project file, that over defaults. A schema
  entry for an intent or entity that the project file has replaces those of its members that it gives.
- With a schema, rows may use names of the schema and the project file only. Without, names that are new are created.
- A row that says what another row or the project file says already is merged into it, so that the same seeds twice
  are the same project. Utterances that the project file itself holds twice stay: it means what it says.
- The same input gives the same bytes: everything keeps the order in which it was given, the intent None first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cluvault.errors import InvalidSeed, SeedFault, UsageError
from cluvault.model.names import shorten
from cluvault.model.project_file import UTF16, ProjectFile
from cluvault.plan.canonical import canonical_form
from cluvault.plan.seed_members import gather_members
from cluvault.plan.spans import boundaries
from cluvault.plan.upgrade import CURRENT_VERSION, DESCRIPTIONS_VERSION, upgrade_project_file
from cluvault.plan.vocabulary import CONVERSATION, ORCHESTRATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_shape import Document, Label, Utterance
    from cluvault.model.seed import ProjectDefinition, Schema, SeedUtterance, SpanLabel


@dataclass(frozen=True, slots=True)
class SeedPlan:
    """The project file to import, and what the user should know about how it came to be, a sentence each."""

    file: ProjectFile
    notes: tuple[str, ...]


def build_project_file(
    definition: ProjectDefinition,
    *,
    base: ProjectFile | None = None,
    schema: Schema | None = None,
    utterances: Sequence[SeedUtterance] = (),
) -> SeedPlan:
    """Put a new project together; `base` is a seed that is itself a project file, of any known version.

    Raises:
        UsageError: no language is known, or the kind is not the base's.
        InvalidSeed: rows use names that the schema does not know, or the kind does not have what a seed holds.
        InvalidProjectFile: the base cannot be upgraded.
    """
    upgrade = upgrade_project_file(base if base is not None else _blank(definition))
    notes = [f"seed upgraded: {change}" for change in upgrade.changes]
    metadata = _metadata(definition, upgrade.file)
    _refuse_unfit(metadata["projectKind"], schema, utterances)
    document: JsonObject = cast("JsonObject", upgrade.file.document) | {"metadata": metadata}
    seed = ProjectFile(cast("Document", document))
    if metadata["projectKind"] in (CONVERSATION, ORCHESTRATION):
        assets, more = _assets(seed, schema, utterances)
        document["assets"] = assets
        notes += more
    if schema is not None and _has_descriptions(schema):
        document["projectFileVersion"] = max(document["projectFileVersion"], DESCRIPTIONS_VERSION)
    return SeedPlan(seed, tuple(notes))


def _assets(
    seed: ProjectFile, schema: Schema | None, rows: Sequence[SeedUtterance]
) -> tuple[JsonObject, tuple[str, ...]]:
    """Intents, entities and utterances of project file, schema and rows together, and notes."""
    members = gather_members(seed, schema, rows)
    utterances, merged = _with_rows(seed, rows)
    kind = seed.metadata["projectKind"]
    old = cast("JsonObject", seed.document.get("assets") or {})
    assets: JsonObject = {"projectKind": kind} | old | {"intents": members.intents}
    if kind == CONVERSATION:
        assets["entities"] = members.entities
    return assets | {"utterances": utterances}, (*members.notes, *merged)


# --- the frame -----------------------------------------------------------------------------------------------------


def _blank(definition: ProjectDefinition) -> ProjectFile:
    """A project file without any content, in the order of the service's exports."""
    if definition.language is None:
        raise UsageError(f"project {definition.name}: no seed says its language", mend="name it, for example en-us")
    kind = definition.kind or CONVERSATION
    document = {
        "projectFileVersion": CURRENT_VERSION,
        "stringIndexType": UTF16,
        "metadata": {
            "projectKind": kind,
            "projectName": definition.name,
            "multilingual": False,
            "description": "",
            "language": definition.language,
        },
        "assets": {"projectKind": kind},
    }
    return ProjectFile(cast("Document", document))


def _metadata(definition: ProjectDefinition, seed: ProjectFile) -> JsonObject:
    metadata = cast("JsonObject", seed.metadata)
    kind = metadata["projectKind"]
    if definition.kind not in (None, kind):
        raise UsageError(
            f"the seed is a project file of kind {kind}, not {definition.kind}",
            mend=f"leave the kind out, or say {kind}",
        )
    said = {
        "projectName": definition.name,
        "multilingual": definition.multilingual,
        "description": definition.description,
        "language": definition.language,
    }
    given: JsonObject = {key: value for key, value in said.items() if value is not None}
    if definition.confidence_threshold is not None:
        settings: JsonObject = metadata.get("settings") or {}
        given["settings"] = settings | {"confidenceThreshold": definition.confidence_threshold}
    return metadata | given


def _has_descriptions(schema: Schema) -> bool:
    return any(item.description for item in (*schema.intents.values(), *schema.entities.values()))


def _refuse_unfit(kind: str, schema: Schema | None, utterances: Sequence[SeedUtterance]) -> None:
    """Refuse what a project of this kind cannot have."""
    faults = [*_unfit_schema(kind, schema), *_unfit_rows(kind, utterances)]
    if faults:
        raise InvalidSeed(faults, mend=f"leave it out, or choose another kind than {kind}")


def _unfit_schema(kind: str, schema: Schema | None) -> Iterator[SeedFault]:
    if schema is None:
        return
    if kind not in (CONVERSATION, ORCHESTRATION):
        yield SeedFault("schema", None, "", f"a project of kind {kind} takes none")
    if kind == ORCHESTRATION and schema.entities:
        yield SeedFault("schema", None, "at entities", f"a project of kind {kind} has none")
    for name, intent in schema.intents.items():
        if kind == CONVERSATION and intent.target is not None:
            yield SeedFault("schema", None, f"at intents.{name}.target", f"intents of kind {kind} have none")


def _unfit_rows(kind: str, utterances: Sequence[SeedUtterance]) -> Iterator[SeedFault]:
    for row in utterances:
        if kind not in (CONVERSATION, ORCHESTRATION):
            yield SeedFault(row.source, row.line, "", f"a project of kind {kind} takes no utterances")
        elif kind == ORCHESTRATION and row.labels:
            yield SeedFault(row.source, row.line, "", f"a project of kind {kind} has no entities to label")


# --- utterances ----------------------------------------------------------------------------------------------------


def _with_rows(seed: ProjectFile, rows: Sequence[SeedUtterance]) -> tuple[list[Utterance], list[str]]:
    """The project file's utterances and those of the rows that say something new, and notes."""
    utterances = list(seed.utterances)
    written = [_utterance(row, seed) for row in rows]
    meanings = _meanings(seed, utterances + written)
    seen = set(meanings[: len(utterances)])
    merged: list[SeedUtterance] = []
    for row, utterance, meaning in zip(rows, written, meanings[len(utterances) :], strict=True):
        if meaning in seen:
            merged.append(row)
        else:
            seen.add(meaning)
            utterances.append(utterance)
    return utterances, [_merged_note(merged)] if merged else []


def _meanings(seed: ProjectFile, utterances: list[Utterance]) -> Sequence[bytes]:
    """Each utterance's canonical line as it would be in this project."""
    assets = cast("JsonObject", seed.document.get("assets") or {}) | {"utterances": utterances}
    document = cast("JsonObject", seed.document) | {"assets": assets}
    return canonical_form(ProjectFile(cast("Document", document))).utterance_lines


def _merged_note(merged: Sequence[SeedUtterance]) -> str:
    first = merged[0]
    where = f"{first.source}, line {first.line}" if first.line is not None else shorten(repr(first.text))
    count = "1 row says" if len(merged) == 1 else f"{len(merged)} rows say"
    return f"{count} what is there already; merged (first: {where})"


def _utterance(row: SeedUtterance, seed: ProjectFile) -> Utterance:
    """The utterance as the service exports it."""
    index_type = seed.document.get("stringIndexType") or UTF16
    labels = [_label(row.text, label, index_type) for label in row.labels]
    utterance = {
        "text": row.text,
        "language": row.language or seed.metadata["language"],
        "intent": row.intent,
        "entities": labels,
        "dataset": row.dataset or "Train",
    }
    if seed.metadata["projectKind"] != CONVERSATION:
        del utterance["entities"]
    return cast("Utterance", utterance)


def _label(text: str, label: SpanLabel, index_type: str) -> Label:
    """The label, counted as the project file counts."""
    utf16, ends = boundaries(text, index_type=UTF16), boundaries(text, index_type=index_type)
    start, end = (ends[utf16.index(place)] for place in (label.offset, label.offset + label.length))
    return {"category": label.category, "offset": start, "length": end - start}
