"""The service's enumerated values in its own spelling; it matches them in any case, older versions wrote others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.model.project_file import UTF16

if TYPE_CHECKING:
    from collections.abc import Mapping


def _by_lower_case(*names: str) -> Mapping[str, str]:
    return {name.lower(): name for name in names}


CONVERSATION: Final = "Conversation"
ORCHESTRATION: Final = "Orchestration"
SUMMARIZATION: Final = "CustomConversationSummarization"
NONE_INTENT: Final = "None"
"""The intent that every conversation project has; it can be neither removed nor renamed."""

PROJECT_KINDS: Final = _by_lower_case(CONVERSATION, ORCHESTRATION, SUMMARIZATION)
TARGET_KINDS: Final = _by_lower_case("Luis", CONVERSATION, "QuestionAnswering")
STRING_INDEX_TYPES: Final = _by_lower_case(UTF16, "Utf8CodeUnit", "Utf32CodeUnit")
DATASETS: Final = _by_lower_case("Train", "Test")
COMPONENTS: Final = _by_lower_case("learned", "list", "prebuilts", "regex")
COMPOSITION_SETTINGS: Final[Mapping[str, str]] = {
    **_by_lower_case("combineComponents", "separateComponents", "returnLongestOverlap", "requireExactOverlap"),
    "returnunion": "combineComponents",  # its name until 2022-03-01-preview
}


def spelt(value: str, known: Mapping[str, str]) -> str:
    """The service's own spelling of an enumerated value; unknown values stay as they are."""
    return known.get(value.lower(), value)
