"""The shapes of request bodies, by api-version. The type names are those that refusals quote."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.errors import invalid_argument, invalid_value
from cluvault.emulator.parsing import (
    Member,
    ObjectOf,
    Reader,
    anything,
    decimal,
    flag,
    integer,
    list_of,
    missing_member,
    one_of,
    read_member,
    required,
    text,
    unknown_value,
)

if TYPE_CHECKING:
    from cluvault.emulator.versions import ApiVersion

STRING_INDEX_TYPES: Final = ("Utf16CodeUnit", "Utf8CodeUnit", "Utf32CodeUnit")
CONVERSATION: Final = "Conversation"
ORCHESTRATION: Final = "Orchestration"
SUMMARIZATION: Final = "CustomConversationSummarization"

_COMPOSITION: Final = one_of(
    "CompositionSetting",
    ("combineComponents", "separateComponents", "returnLongestOverlap", "requireExactOverlap"),
    aliases={"returnUnion": "combineComponents"},  # its name until 2022-03-01-preview
)
_TARGETS: Final = {
    "Conversation": "conversationOrchestration",
    "Luis": "luisOrchestration",
    "QuestionAnswering": "questionAnsweringOrchestration",
}
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_WITHOUT_DISCRIMINATOR: Final = "2022-03-01-preview"
"""Files of this version have no `assets.projectKind`."""


def index_types(version: ApiVersion) -> tuple[str, ...]:
    """The string index types that a version knows."""
    return STRING_INDEX_TYPES if version.every_index_type else STRING_INDEX_TYPES[:1]


def spelt_index_type(value: str, version: ApiVersion) -> str:
    """A string index type in its canonical spelling.

    Raises:
        Refusal: 400, the version does not know it.
    """
    for known in index_types(version):
        if known.lower() == value.lower():
            return known
    raise invalid_value("StringIndexType", value, target="stringIndexType")


# --- metadata ------------------------------------------------------------------------------------------------------


@cache
def metadata_reader(version: ApiVersion, *, strict: bool, merge_patch: bool = False) -> Reader:
    """Reads the body of create-or-update, and `metadata` of a project file; as a merge patch it keeps nulls."""
    kinds = (CONVERSATION, ORCHESTRATION, *((SUMMARIZATION,) if version.summarization else ()))
    settings = ObjectOf(
        "ConversationProjectSettings",
        Member("confidenceThreshold", _probability),
        *((Member("normalizeCasing", flag), Member("augmentDiacritics", flag)) if version.regex else ()),
        strict=strict,
        keep_null=merge_patch,
    )
    return ObjectOf(
        "CreateConversationProject",
        required("projectKind", one_of("ProjectKind", kinds)),
        Member("settings", settings),
        required("projectName", text),
        Member("multilingual", flag),
        Member("description", text),
        required("language", text),
        *((Member("storageInputContainerName", text),) if version.summarization else ()),
        strict=strict,
        keep_null=merge_patch,
    )


def _probability(value: object) -> object:
    number = decimal(value)
    if not 0 <= number <= 1:
        raise unknown_value("ConfidenceThreshold", str(number))
    return number


# --- project files -------------------------------------------------------------------------------------------------


@cache
def project_reader(version: ApiVersion, *, strict: bool) -> Reader:
    """Reads a project file; gives it with canonical enumeration values and members in an export's order."""
    frame = ObjectOf(
        "ExportedConversationProject",
        required("projectFileVersion", text),
        Member("stringIndexType", text),
        required("metadata", metadata_reader(version, strict=strict)),
        Member("assets", anything),
        strict=strict,
        aliases={"api-version": "projectFileVersion"},  # its name in 2022-03-01-preview
    )
    discriminator = ObjectOf("ExportedProjectAssets", Member("projectKind", text), strict=False)
    by_kind = {
        CONVERSATION: _conversation_assets(version, strict=strict),
        ORCHESTRATION: _orchestration_assets(version, strict=strict),
        SUMMARIZATION: _summarization_assets(strict=strict),
    }

    def read(value: object) -> dict[str, Any]:
        document = frame(value)
        document["stringIndexType"] = spelt_index_type(document.get("stringIndexType", ""), version)
        kind: str = document["metadata"]["projectKind"]
        assets = document.setdefault("assets", {"projectKind": kind})
        own_kind = read_member("assets", discriminator, assets).get("projectKind", "")
        if own_kind or document["projectFileVersion"] != _WITHOUT_DISCRIMINATOR:
            _check_same_kind(kind, own_kind)
        document["assets"] = read_member("assets", by_kind[kind], assets) | {"projectKind": kind}
        return document

    return read


def _check_same_kind(in_metadata: str, in_assets: str) -> None:
    if in_metadata.lower() != in_assets.lower():
        raise invalid_argument(
            f"The project kind in the metadata `{in_metadata}` and the one in the assets `{in_assets}` must match.",
            target="assets.projectKind",
        )


def _conversation_assets(version: ApiVersion, *, strict: bool) -> Reader:
    label = ObjectOf(
        "ExportedEntityLabel",
        required("category", text),
        required("offset", integer),
        required("length", integer),
        strict=strict,
    )
    utterance = ObjectOf(
        "ConversationExportedUtterance",
        required("text", text),
        Member("language", text),
        required("intent", text),
        Member("entities", list_of(label)),
        Member("dataset", _dataset),
        strict=strict,
    )
    return ObjectOf(
        "ConversationExportedProjectAsset",
        Member("projectKind", text),
        Member("intents", list_of(_intent(version, strict=strict))),
        Member("entities", list_of(_entity(version, strict=strict))),
        Member("utterances", list_of(utterance)),
        strict=strict,
    )


def _intent(version: ApiVersion, *, strict: bool) -> Reader:
    associated = ObjectOf("ExportedAssociatedEntityLabel", required("category", text), strict=strict)
    described = (Member("description", text), Member("associatedEntities", list_of(associated)))
    return ObjectOf(
        "ConversationExportedIntent",
        required("category", text),
        *(described if version.descriptions else ()),
        strict=strict,
    )


def _entity(version: ApiVersion, *, strict: bool) -> Reader:
    prebuilt = ObjectOf("ExportedPrebuiltEntity", required("category", text), strict=strict)
    return ObjectOf(
        "ConversationExportedEntity",
        required("category", text),
        *((Member("description", text),) if version.descriptions else ()),
        Member("compositionSetting", _COMPOSITION),
        Member("list", _entity_list(strict=strict)),
        Member("prebuilts", list_of(prebuilt)),
        *(
            (Member("regex", _entity_regex(strict=strict)), Member("requiredComponents", list_of(text)))
            if version.regex
            else ()
        ),
        strict=strict,
        aliases={} if strict else {"entities": "list"},  # what the official SDK's own model writes
    )


def _entity_list(*, strict: bool) -> Reader:
    synonyms = ObjectOf(
        "ExportedEntityListSynonym", Member("language", text), Member("values", list_of(text)), strict=strict
    )
    sublist = ObjectOf(
        "ExportedEntitySublist", Member("listKey", text), Member("synonyms", list_of(synonyms)), strict=strict
    )
    return ObjectOf("ExportedEntityList", Member("sublists", list_of(sublist)), strict=strict)


def _entity_regex(*, strict: bool) -> Reader:
    expression = ObjectOf(
        "ExportedEntityRegexExpression",
        Member("regexKey", text),
        Member("language", text),
        Member("regexPattern", text),
        strict=strict,
    )
    return ObjectOf("ExportedEntityRegex", Member("expressions", list_of(expression)), strict=strict)


def _orchestration_assets(version: ApiVersion, *, strict: bool) -> Reader:
    intent = ObjectOf(
        "OrchestrationExportedIntent",
        required("category", text),
        *((Member("description", text),) if version.descriptions else ()),
        Member("orchestration", _orchestration(strict=strict)),
        strict=strict,
    )
    utterance = ObjectOf(
        "OrchestrationExportedUtterance",
        required("text", text),
        Member("language", text),
        required("intent", text),
        Member("dataset", _dataset),
        strict=strict,
    )
    return ObjectOf(
        "OrchestrationExportedProjectAsset",
        Member("projectKind", text),
        Member("intents", list_of(intent)),
        Member("utterances", list_of(utterance)),
        strict=strict,
    )


def _orchestration(*, strict: bool) -> Reader:
    project, deployment = required("projectName", text), required("deploymentName", text)
    luis = (required("appId", _uuid), Member("appVersion", text), Member("slotName", text))
    shape = ObjectOf(
        "OrchestrationDetails",
        required("targetProjectKind", one_of("TargetProjectKind", tuple(_TARGETS))),
        Member("conversationOrchestration", ObjectOf("ConversationOrchestration", project, deployment, strict=strict)),
        Member("luisOrchestration", ObjectOf("LuisOrchestration", *luis, strict=strict)),
        Member("questionAnsweringOrchestration", ObjectOf("QuestionAnsweringOrchestration", project, strict=strict)),
        strict=strict,
    )

    def read(value: object) -> dict[str, Any]:
        details = shape(value)
        member = _TARGETS[details["targetProjectKind"]]
        if member not in details:
            raise missing_member(member)
        return {name: item for name, item in details.items() if name in ("targetProjectKind", member)}

    return read


def _uuid(value: object) -> str:
    written = text(value)
    if _UUID.fullmatch(written) is None:
        raise unknown_value("AppId", written)
    return written


def _summarization_assets(*, strict: bool) -> Reader:
    conversation = ObjectOf(
        "ExportedConversation",
        required("location", text),
        Member("summaryLocation", text),
        Member("language", text),
        Member("dataset", _dataset),
        strict=strict,
    )
    return ObjectOf(
        "CustomSummarizationExportedProjectAsset",
        Member("projectKind", text),
        Member("conversations", list_of(conversation)),
        strict=strict,
    )


def _dataset(value: object) -> str:
    """Train or Test in any letter case; other names pass, a documented recipe for several test sets uses them."""
    name = text(value)
    return {"train": "Train", "test": "Test"}.get(name.lower(), name)
