"""Predictions as JSON schemas. See `openapi_notation.py`."""

from __future__ import annotations

from typing import Final

from cluvault.emulator.openapi_notation import (
    FLAG,
    SHARE,
    SPAN,
    TEXT,
    Schema,
    either,
    list_of,
    map_of,
    object_of,
    one_of,
    ref,
)

PREDICTIONS: Final[dict[str, Schema]] = {
    "AnalyzeConversationTask": {
        "type": "object",
        "properties": {
            "kind": {"const": "Conversation"},
            "analysisInput": {
                "type": "object",
                "properties": {
                    "conversationItem": {
                        "type": "object",
                        "properties": {"id": TEXT, "participantId": TEXT, "text": TEXT, "language": TEXT},
                        "required": ["id", "participantId", "text"],
                    }
                },
                "required": ["conversationItem"],
            },
            "parameters": {
                "type": "object",
                "properties": {
                    "projectName": TEXT,
                    "deploymentName": TEXT,
                    "verbose": FLAG,
                    "isLoggingEnabled": FLAG,
                    "stringIndexType": one_of("TextElements_v8", "UnicodeCodePoint", "Utf16CodeUnit"),
                    "directTarget": TEXT,
                },
                "required": ["projectName", "deploymentName"],
            },
        },
        "required": ["kind", "analysisInput", "parameters"],
    },
    "ConversationActionResult": object_of(
        {
            "kind": {"const": "ConversationResult"},
            "result": object_of(
                {
                    "query": TEXT,
                    "prediction": either(
                        "projectKind", Conversation="ConversationPrediction", Orchestration="OrchestrationPrediction"
                    ),
                }
            ),
        }
    ),
    "ConversationPrediction": object_of(
        {
            "projectKind": {"const": "Conversation"},
            "topIntent": TEXT,
            "intents": list_of(object_of({"category": TEXT, "confidenceScore": SHARE})),
            "entities": list_of(ref("ConversationEntity")),
        }
    ),
    "ConversationEntity": object_of(
        {**SPAN, "text": TEXT, "confidenceScore": SHARE},
        {"resolutions": list_of(ref("Resolution")), "extraInformation": list_of(ref("ExtraInformation"))},
    ),
    "Resolution": {"type": "object", "properties": {"resolutionKind": TEXT}, "required": ["resolutionKind"]},
    "ExtraInformation": object_of(
        {"extraInformationKind": one_of("EntitySubtype", "ListKey", "RegexKey")},
        {"value": TEXT, "key": TEXT, "regexPattern": TEXT},
    ),
    "OrchestrationPrediction": object_of(
        {
            "projectKind": {"const": "Orchestration"},
            "topIntent": TEXT,
            "intents": map_of(
                object_of(
                    {
                        "targetProjectKind": one_of("Conversation", "Luis", "QuestionAnswering", "NonLinked"),
                        "confidenceScore": SHARE,
                    },
                    {"result": object_of({"query": TEXT, "prediction": ref("ConversationPrediction")})},
                )
            ),
        }
    ),
}
