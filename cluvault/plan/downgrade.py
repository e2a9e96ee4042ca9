"""Downgrade of a project file to an older api-version, with the list of what is lost; pure.

The service refuses members that a version does not know, so they are taken out. What holds nothing (a null, an empty
text or list, a flag that is off) is taken out without a word: the file means the same without it. Only what changes is
copied, and along its path only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.errors import UsageError
from cluvault.model.project_file import UTF16, ProjectFile
from cluvault.model.project_shape import (
    Assets,
    CategoryRef,
    Conversation,
    Document,
    Entity,
    EntityList,
    EntityRegex,
    Expression,
    Intent,
    Label,
    Metadata,
    Settings,
    Sublist,
    Synonyms,
    Utterance,
    pointer_part,
)
from cluvault.plan.api_versions import VERSION_SHAPES, VersionShape, shape_of
from cluvault.plan.losses import Loss
from cluvault.plan.spans import to_utf16
from cluvault.plan.vocabulary import STRING_INDEX_TYPES, SUMMARIZATION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cluvault.model.json_text import JsonObject


@dataclass(frozen=True, slots=True)
class Downgrade:
    """A project file that an older api-version takes.

    Attributes:
        file: The file; the very object that came in when there was nothing to do.
        losses: What it no longer says, in the file's order.
    """

    file: ProjectFile
    losses: tuple[Loss, ...] = ()


def downgrade_project_file(file: ProjectFile, version: str, *, source: str = "project file") -> Downgrade:
    """Make a project file in the current shape one that `version` takes; a version that is not known takes all.

    Members that no known version has are taken out only when the file states a newer version: then they came with it.

    Raises:
        UsageError: the version has no projects of this kind.
    """
    shape = shape_of(version)
    kind: str = file.metadata["projectKind"]
    if kind == SUMMARIZATION and not shape.summarization:
        raise UsageError(
            f"{source} is of kind {kind}, which api-version {version} does not have",
            mend="restore it to a resource that answers a preview from 2023-04-15 on",
        )
    is_newer = version in VERSION_SHAPES and file.version > version
    removal = _Removal(shape, version, strangers=is_newer)
    document = cast("JsonObject", file.document)
    result = removal.from_object(document, _DOCUMENT, "")
    if not shape.every_index_type:
        result = _count_in_utf16(result, removal)
    if is_newer:
        result = {**result, "projectFileVersion": version}
    if result is document:
        return Downgrade(file)
    return Downgrade(ProjectFile(cast("Document", result)), tuple(removal.losses))


# --- which members there are ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Level:
    """The members of a kind of object, and what is below those that are looked into."""

    noun: str
    members: Mapping[str, _Level | None]


def _level(noun: str, shape: type, **below: _Level) -> _Level:
    return _Level(noun, {name: below.get(name) for name in shape.__annotations__})


_REFERENCE: Final = _level("reference", CategoryRef)
_LIST: Final = _level(
    "list", EntityList, sublists=_level("list key", Sublist, synonyms=_level("group of synonyms", Synonyms))
)
_REGEX: Final = _level("regex component", EntityRegex, expressions=_level("regular expression", Expression))
_DOCUMENT: Final = _level(
    "file",
    Document,
    metadata=_level("metadata", Metadata, settings=_level("settings", Settings)),
    assets=_level(
        "assets",
        Assets,
        intents=_level("intent", Intent, associatedEntities=_REFERENCE),
        entities=_level("entity", Entity, list=_LIST, prebuilts=_REFERENCE, regex=_REGEX),
        utterances=_level("utterance", Utterance, entities=_level("label", Label)),
        conversations=_level("conversation", Conversation),
    ),
)


@dataclass(frozen=True, slots=True)
class _Gate:
    """A member that came later than 2022-05-01.

    Attributes:
        needs_leave: Whether a model trained without it behaves in another way.
        may_be_empty: Whether an empty value says no more than an absent one.
    """

    is_known: Callable[[VersionShape], bool]
    needs_leave: bool
    may_be_empty: bool = True


_DESCRIBED: Final = _Gate(lambda shape: shape.descriptions, needs_leave=False)
_COMPONENT: Final = _Gate(lambda shape: shape.components, needs_leave=True)
_NORMALIZATION: Final = _Gate(lambda shape: shape.normalization, needs_leave=True)
_GATES: Final[Mapping[tuple[str, str], _Gate]] = {
    ("intent", "description"): _DESCRIBED,
    ("intent", "associatedEntities"): _DESCRIBED,
    ("entity", "description"): _DESCRIBED,
    ("entity", "regex"): _COMPONENT,
    ("entity", "requiredComponents"): _COMPONENT,
    ("settings", "normalizeCasing"): _NORMALIZATION,
    ("settings", "augmentDiacritics"): _NORMALIZATION,
    ("metadata", "storageInputContainerName"): _Gate(
        lambda shape: shape.summarization, needs_leave=False, may_be_empty=False
    ),
}


# --- taking them out -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Removal:
    """Takes out what a version does not know, and notes what was lost.

    Attributes:
        strangers: Whether members that no known version has go too.
    """

    shape: VersionShape
    version: str
    strangers: bool
    losses: list[Loss] = field(default_factory=list[Loss])

    def from_object(self, value: JsonObject, level: _Level, pointer: str) -> JsonObject:
        """The object without such members; the same object when it has none."""
        result: JsonObject = {}
        is_changed = False
        for key, item in value.items():
            place = f"{pointer}/{pointer_part(key)}"
            if self._has_no_place(key, level):
                is_changed = True
                self._note(value, key, level, place)
                continue
            below = level.members.get(key)
            result[key] = item if below is None else self._from_value(item, below, place)
            is_changed = is_changed or result[key] is not item
        return result if is_changed else value

    def _from_value(self, value: Any, level: _Level, pointer: str) -> Any:
        if isinstance(value, dict):
            return self.from_object(cast("JsonObject", value), level, pointer)
        if not isinstance(value, list):
            return value
        items = cast("list[JsonObject]", value)
        kept = [self.from_object(item, level, f"{pointer}/{index}") for index, item in enumerate(items)]
        return kept if any(new is not old for new, old in zip(kept, items, strict=True)) else items

    def _has_no_place(self, key: str, level: _Level) -> bool:
        if key not in level.members:
            return self.strangers
        gate = _GATES.get((level.noun, key))
        return gate is not None and not gate.is_known(self.shape)

    def _note(self, value: JsonObject, key: str, level: _Level, pointer: str) -> None:
        """Note a loss, unless the member held nothing."""
        gate = _GATES.get((level.noun, key))
        holds_nothing = _is_empty if gate is not None and gate.may_be_empty else _is_null
        if not holds_nothing(value[key]):
            name = f" {value['category']!r}" if "category" in value else ""
            sentence = f"{key} of the {level.noun}{name} is not known to api-version {self.version}"
            self.losses.append(Loss(pointer, sentence, needs_leave=gate is None or gate.needs_leave))


def _is_null(value: object) -> bool:
    return value is None


def _is_empty(value: object) -> bool:
    """Whether a description, a flag, a list of names or a regex component says nothing."""
    if isinstance(value, dict):
        members = cast("JsonObject", value).items()
        return all(item is None or (name == "expressions" and item == []) for name, item in members)
    return value in (None, "", False) or value == []


# --- offsets -------------------------------------------------------------------------------------------------------


def _count_in_utf16(document: JsonObject, removal: _Removal) -> JsonObject:
    """The document with offsets in UTF-16 units; of units that nobody knows it stays as it is."""
    index_type: str = document.get("stringIndexType") or UTF16
    if index_type == UTF16 or index_type not in STRING_INDEX_TYPES.values():
        return document
    result = document | {"stringIndexType": UTF16}
    assets: JsonObject | None = document.get("assets")
    if assets is not None and assets.get("utterances"):
        utterances = [
            _utterance_in_utf16(utterance, index_type, f"/assets/utterances/{index}", removal)
            for index, utterance in enumerate(assets["utterances"])
        ]
        result["assets"] = assets | {"utterances": utterances}
    return result


def _utterance_in_utf16(utterance: JsonObject, index_type: str, pointer: str, removal: _Removal) -> JsonObject:
    """The utterance with its labels counted anew; a label that no UTF-16 offsets express is lost."""
    labels: list[JsonObject] = []
    for index, label in enumerate(utterance.get("entities") or ()):
        span = to_utf16(utterance["text"], label["offset"], label["length"], index_type=index_type)
        if span is not None:
            labels.append(label | {"offset": span[0], "length": span[1]})
        else:
            sentence = f"the label {label['category']!r} has ends that cannot be counted in UTF-16 units"
            removal.losses.append(Loss(f"{pointer}/entities/{index}", sentence, needs_leave=True))
    return utterance | {"entities": labels} if utterance.get("entities") else utterance
