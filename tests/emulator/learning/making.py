"""Snapshots to learn from: small ones from a few words, and those of the sample files."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from cluvault.emulator.imports import ImportRules, read_import
from cluvault.emulator.records import Metadata, Settings, Snapshot
from cluvault.emulator.rendering import content_of
from cluvault.emulator.versions import NEWEST
from cluvault.model.project_file import read_project_file
from cluvault.plan.upgrade import upgrade_project_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cluvault.emulator.records import ProjectKind

UTF16 = "Utf16CodeUnit"


def say(text: str, intent: str = "None", **members: Any) -> dict[str, Any]:
    """An utterance. Spans in brackets are labelled: `fly to [City:Paris]`."""
    words, labels = "", list[dict[str, Any]]()
    while "[" in text:
        before, _, rest = text.partition("[")
        category, _, rest = rest.partition(":")
        span, _, text = rest.partition("]")
        words += before
        start, length = (len(part.encode("utf-16-le")) // 2 for part in (words, span))
        labels.append({"category": category, "offset": start, "length": length})
        words += span
    return {"text": words + text, "intent": intent, "entities": labels} | members


def project(
    *utterances: dict[str, Any],
    entities: Iterable[dict[str, Any] | str] = (),
    intents: Iterable[str] = (),
    kind: ProjectKind = "Conversation",
    language: str = "en-us",
    settings: Settings | None = None,
) -> Snapshot:
    """A snapshot of utterances; intents that they name need no mention."""
    names = dict.fromkeys([*intents, *(utterance["intent"] for utterance in utterances)])
    assets: dict[str, Any] = {
        "projectKind": kind,
        "intents": [{"category": name} for name in names],
        "utterances": list(utterances),
    }
    if kind == "Conversation":
        assets["entities"] = [{"category": one} if isinstance(one, str) else one for one in entities]
    metadata = Metadata(kind=kind, name="P", language=language, settings=settings)
    return Snapshot(metadata, content_of(assets, language=language, index_type=UTF16))


def threshold(value: str) -> Settings:
    """Settings with a confidence threshold."""
    return Settings(Decimal(value))


def snapshot_of(file: bytes, *, name: str = "sample") -> Snapshot:
    """What an import of a project file of any version puts in place."""
    newest = upgrade_project_file(read_project_file(file, source=name), source=name).file.to_bytes()
    rules = ImportRules(strict_members=False, strict_names=False, content=None)
    snapshot = read_import(newest, NEWEST, name=name, rules=rules).snapshot
    assert snapshot is not None
    return snapshot
