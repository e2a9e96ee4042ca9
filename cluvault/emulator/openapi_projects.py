"""Projects and their files as JSON schemas. See `openapi_notation.py`."""

from __future__ import annotations

from typing import Final

from cluvault.emulator.openapi_notation import (
    FLAG,
    NAME,
    SHARE,
    SPAN,
    TEXT,
    TIME,
    Schema,
    either,
    list_of,
    object_of,
    one_of,
    ref,
)

_DESCRIBED: Final = {"multilingual": FLAG, "description": TEXT, "storageInputContainerName": TEXT}
_OPTIONS: Final = {"projectKind": ref("ProjectKind"), "projectName": NAME, "language": TEXT}
_UTTERANCE: Final = {"text": TEXT, "intent": TEXT}
_PLACED: Final = {"language": TEXT, "dataset": TEXT}

PROJECTS: Final[dict[str, Schema]] = {
    "ProjectKind": one_of("Conversation", "Orchestration", "CustomConversationSummarization"),
    "ProjectSettings": object_of(
        {}, {"confidenceThreshold": SHARE, "normalizeCasing": FLAG, "augmentDiacritics": FLAG}
    ),
    "CreateProjectOptions": object_of(_OPTIONS, {"settings": ref("ProjectSettings"), **_DESCRIBED}),
    "ProjectDetails": object_of(
        {"createdDateTime": TIME, "lastModifiedDateTime": TIME, **_OPTIONS},
        {
            "settings": ref("ProjectSettings"),
            **_DESCRIBED,
            "lastTrainedDateTime": TIME,
            "lastDeployedDateTime": TIME,
        },
    ),
    "StringIndexType": one_of("Utf16CodeUnit", "Utf8CodeUnit", "Utf32CodeUnit"),
    "ExportedProject": object_of(
        {
            "projectFileVersion": TEXT,
            "stringIndexType": ref("StringIndexType"),
            "metadata": ref("CreateProjectOptions"),
        },
        {
            "assets": either(
                "projectKind",
                Conversation="ConversationExportedProjectAsset",
                Orchestration="OrchestrationExportedProjectAsset",
                CustomConversationSummarization="SummarizationExportedProjectAsset",
            )
        },
    ),
    "ConversationExportedProjectAsset": object_of(
        {"projectKind": {"const": "Conversation"}},
        {
            "intents": list_of(ref("ConversationExportedIntent")),
            "entities": list_of(ref("ConversationExportedEntity")),
            "utterances": list_of(ref("ConversationExportedUtterance")),
        },
    ),
    "ConversationExportedIntent": object_of(
        {"category": TEXT}, {"description": TEXT, "associatedEntities": list_of(object_of({"category": TEXT}))}
    ),
    "ConversationExportedEntity": object_of(
        {"category": TEXT},
        {
            "description": TEXT,
            "compositionSetting": one_of(
                "combineComponents", "separateComponents", "returnLongestOverlap", "requireExactOverlap"
            ),
            "list": ref("ExportedEntityList"),
            "prebuilts": list_of(object_of({"category": TEXT})),
            "regex": ref("ExportedEntityRegex"),
            "requiredComponents": list_of(TEXT),
        },
    ),
    "ExportedEntityList": object_of({}, {"sublists": list_of(ref("ExportedEntitySublist"))}),
    "ExportedEntitySublist": object_of(
        {}, {"listKey": TEXT, "synonyms": list_of(object_of({}, {"language": TEXT, "values": list_of(TEXT)}))}
    ),
    "ExportedEntityRegex": object_of({}, {"expressions": list_of(ref("ExportedEntityRegexExpression"))}),
    "ExportedEntityRegexExpression": object_of({}, {"regexKey": TEXT, "language": TEXT, "regexPattern": TEXT}),
    "ConversationExportedUtterance": object_of(_UTTERANCE, {**_PLACED, "entities": list_of(object_of(SPAN))}),
    "OrchestrationExportedProjectAsset": object_of(
        {"projectKind": {"const": "Orchestration"}},
        {"intents": list_of(ref("OrchestrationExportedIntent")), "utterances": list_of(object_of(_UTTERANCE, _PLACED))},
    ),
    "OrchestrationExportedIntent": object_of(
        {"category": TEXT},
        {
            "description": TEXT,
            "orchestration": either(
                "targetProjectKind",
                Conversation="ExportedConversationOrchestrationDetails",
                Luis="ExportedLuisOrchestrationDetails",
                QuestionAnswering="ExportedQuestionAnsweringOrchestrationDetails",
            ),
        },
    ),
    "ExportedConversationOrchestrationDetails": object_of(
        {
            "targetProjectKind": {"const": "Conversation"},
            "conversationOrchestration": object_of({"projectName": TEXT, "deploymentName": TEXT}),
        }
    ),
    "ExportedLuisOrchestrationDetails": object_of(
        {
            "targetProjectKind": {"const": "Luis"},
            "luisOrchestration": object_of(
                {"appId": {"type": "string", "format": "uuid"}}, {"appVersion": TEXT, "slotName": TEXT}
            ),
        }
    ),
    "ExportedQuestionAnsweringOrchestrationDetails": object_of(
        {
            "targetProjectKind": {"const": "QuestionAnswering"},
            "questionAnsweringOrchestration": object_of({"projectName": TEXT}),
        }
    ),
    "SummarizationExportedProjectAsset": object_of(
        {"projectKind": {"const": "CustomConversationSummarization"}},
        {"conversations": list_of(object_of({"location": TEXT}, {"summaryLocation": TEXT, **_PLACED}))},
    ),
}
