"""A LUIS application as a project file, as the service documents its migration; pure.

What is documented is followed; docs/emulator.md says what had to be chosen. Everything without a counterpart becomes
a warning of the import's job.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cluvault.emulator.languages import is_language
from cluvault.emulator.luis_entities import Catalogue, quoted, warning
from cluvault.emulator.shapes import CONVERSATION
from cluvault.emulator.spans import UTF16

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cluvault.emulator.errors import Problem
    from cluvault.emulator.luis_entities import Node
    from cluvault.emulator.versions import ApiVersion

_SUPPORTED: Final = "7."
_CHINESE: Final = {"zh-cn": "zh-hans", "zh-tw": "zh-hant"}
_LISTS_LEFT_OUT: Final = {
    "patterns": "patterns",
    "phraselists": "phrase lists",
    "model_features": "phrase lists",
    "regex_features": "pattern features",
    "settings": "settings",
}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A LUIS application that became a project file."""

    document: dict[str, Any]
    warnings: tuple[Problem, ...]


def convert_app(app: dict[str, Any], *, name: str, version: ApiVersion) -> Conversion:
    """Convert an application that `luis_shapes` has read into the document of the project `name`."""
    language = _language(app["culture"])
    prebuilts = [*app["prebuiltEntities"], *({"name": found} for found in app["bing_entities"])]
    catalogue = Catalogue(app | {"language": language, "prebuiltEntities": prebuilts}, version)
    left_out = _LeftOut()
    document = {
        "projectFileVersion": version.name,
        "stringIndexType": UTF16,
        "metadata": {
            "projectKind": CONVERSATION,
            "projectName": name,
            "multilingual": False,
            "description": app.get("desc", ""),
            "language": language,
        },
        "assets": {
            "projectKind": CONVERSATION,
            "intents": [{"category": intent["name"]} for intent in app["intents"]],
            "entities": list(catalogue.entities.values()),
            "utterances": [_utterance(utterance, catalogue, left_out) for utterance in app["utterances"]],
        },
    }
    warnings = (*_about_app(app, language), *catalogue.warnings, *_about_labels(left_out))
    return Conversion(document, warnings)


def _language(culture: str) -> str:
    """The language of a culture: the same tag, or the language alone where the service knows no such region."""
    tag = culture.lower()
    tag = _CHINESE.get(tag, tag)
    primary = tag.partition("-")[0]
    return tag if is_language(tag) or not is_language(primary) else primary


# --- what is not transferred ---------------------------------------------------------------------------------------


def _about_app(app: Mapping[str, Any], language: str) -> Iterator[Problem]:
    schema: str = app["luis_schema_version"]
    if not schema.startswith(_SUPPORTED):
        yield warning(f"The schema version {schema} is not 7.0.0, the one that is supported.")
    if language != app["culture"].lower():
        yield warning(f"The culture `{app['culture']}` became the language `{language}`.")
    for name, what in _LISTS_LEFT_OUT.items():
        if items := app[name]:
            yield warning(f"The application's {what} are not transferred ({len(items)}).")
    if featured := [intent["name"] for intent in app["intents"] if intent.get("features")]:
        yield warning(f"The features of intents are not transferred: {quoted(featured)}.")
    if inheriting := [intent["name"] for intent in app["intents"] if intent.get("inherits")]:
        yield warning(f"The intents' ties to prebuilt domains are not transferred: {quoted(inheriting)}.")
    for name in app["unknown"]:
        yield warning(f"The member `{name}` is not known and not transferred.")


@dataclass(slots=True)
class _LeftOut:
    """How many labels are not transferred: by entity, and because of a longer one in the same place."""

    labels: Counter[str] = field(default_factory=Counter[str])
    overlaps: int = 0


def _about_labels(left_out: _LeftOut) -> Iterator[Problem]:
    for entity, count in left_out.labels.items():
        yield warning(f"Labels of the entity `{entity}` are not transferred ({count}).")
    if left_out.overlaps:
        yield warning(f"Labels that overlap a longer one are not transferred ({left_out.overlaps}).")


# --- utterances ----------------------------------------------------------------------------------------------------


class _Span(NamedTuple):
    start: int
    end: int
    category: str

    def overlaps(self, other: _Span) -> bool:
        return self.start <= other.end and other.start <= self.end


def _utterance(utterance: Mapping[str, Any], catalogue: Catalogue, left_out: _LeftOut) -> dict[str, Any]:
    spans = list(_spans(utterance.get("entities", ()), None, catalogue, left_out))
    kept = _without_overlaps(spans)
    left_out.overlaps += len(spans) - len(kept)
    labels = [{"category": span.category, "offset": span.start, "length": span.end - span.start + 1} for span in kept]
    return {"text": utterance["text"], "intent": utterance["intent"], "entities": labels}


def _spans(
    labels: Iterable[Mapping[str, Any]], parent: Node | None, catalogue: Catalogue, left_out: _LeftOut
) -> Iterator[_Span]:
    """The spans of labels and of those inside them; what is nowhere defined keeps its name, so that the job fails."""
    for label in labels:
        name: str = label["entity"]
        node = (parent.children.get(name) if parent is not None else None) or catalogue.find(name)
        category = name if node is None else node.roles.get(label.get("role", ""), node.category)
        if category is None:
            left_out.labels[name] += 1
        else:
            yield _Span(label["startPos"], label["endPos"], category)
        yield from _spans(label.get("children", ()), node, catalogue, left_out)


def _without_overlaps(spans: list[_Span]) -> list[_Span]:
    """Of spans that overlap the longest, of equally long ones the first; in the order in which they were."""
    kept: list[_Span] = []
    for span in sorted(spans, key=lambda span: span.start - span.end):
        if not any(span.overlaps(other) for other in kept):
            kept.append(span)
    return [span for span in spans if any(span is one for one in kept)]
