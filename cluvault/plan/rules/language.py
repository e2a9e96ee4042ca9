"""Rules for language tags: the service knows a fixed list of them, in any case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.model.names import shorten
from cluvault.plan.findings import error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.model.project_shape import Entity
    from cluvault.plan.findings import Finding
    from cluvault.plan.rules.subject import Rule, Subject


def _unknown_tags(subject: Subject) -> Iterator[Finding]:
    for pointer, tag in _tags(subject):
        if tag.lower() not in subject.limits.languages:
            yield error(
                pointer, f"{shorten(tag)!r} is no language that the service knows", _suggestion(subject, tag.lower())
            )


def _suggestion(subject: Subject, tag: str) -> str:
    primary = tag.partition("-")[0]
    akin = sorted(known for known in subject.limits.languages if known.partition("-")[0] == primary)
    return f"use {' or '.join(akin)}" if akin else "use a tag such as en-us, de or zh-hans"


def _tags(subject: Subject) -> Iterator[tuple[str, str]]:
    """Every language tag that the file states, with its place; empty ones mean the project's language."""
    yield "/metadata/language", subject.file.metadata["language"]
    for index, entity in enumerate(subject.file.entities):
        for place, tag in _tags_of_components(entity):
            yield f"/assets/entities/{index}{place}/language", tag
    for index, utterance in enumerate(subject.file.utterances):
        if tag := utterance.get("language"):
            yield f"/assets/utterances/{index}/language", tag
    for index, conversation in enumerate(subject.file.conversations):
        if tag := conversation.get("language"):
            yield f"/assets/conversations/{index}/language", tag


def _tags_of_components(entity: Entity) -> Iterator[tuple[str, str]]:
    for key, sublist in enumerate((entity.get("list") or {}).get("sublists") or ()):
        for place, group in enumerate(sublist.get("synonyms") or ()):
            if tag := group.get("language"):
                yield f"/list/sublists/{key}/synonyms/{place}", tag
    for place, expression in enumerate((entity.get("regex") or {}).get("expressions") or ()):
        if tag := expression.get("language"):
            yield f"/regex/expressions/{place}", tag


def _other_language(subject: Subject) -> Iterator[Finding]:
    if subject.file.metadata.get("multilingual"):
        return
    for index, utterance in enumerate(subject.file.utterances):
        tag = utterance.get("language")
        if tag and tag.lower() != subject.language:
            yield warning(
                f"/assets/utterances/{index}/language",
                f"the utterance is in {shorten(tag)!r}, the project is in {shorten(subject.language)!r} "
                "and not multilingual",
                "set /metadata/multilingual to true, or move the utterance to another project",
            )


RULES: Final[tuple[Rule, ...]] = (_unknown_tags, _other_language)
