"""Rules for the conversations of summarization projects, which lie in a storage container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.model.names import shorten
from cluvault.plan.findings import error, warning
from cluvault.plan.rules.utterances import KNOWN_DATASETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluvault.plan.findings import Finding
    from cluvault.plan.rules.subject import Rule, Subject


def _locations(subject: Subject) -> Iterator[Finding]:
    for index, conversation in enumerate(subject.file.conversations):
        if not conversation.get("location"):
            yield error(f"/assets/conversations/{index}/location", "is missing", "name the file in the container")


def _datasets(subject: Subject) -> Iterator[Finding]:
    for index, conversation in enumerate(subject.file.conversations):
        if (dataset := conversation.get("dataset")) not in KNOWN_DATASETS:
            yield warning(
                f"/assets/conversations/{index}/dataset",
                f"{shorten(str(dataset))!r} is neither Train nor Test",
                "use Train or Test",
            )


RULES: Final[tuple[Rule, ...]] = (_locations, _datasets)
