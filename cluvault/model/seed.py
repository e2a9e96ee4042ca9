"""What users write to create a project: its definition, its schema, and its utterances.

pydantic checks what comes from outside (`ProjectDefinition`, `Schema`, `SeedRow`); `SeedUtterance` is what the readers
of `plan` make of a row. A name never begins or ends with a space: such a name looks like another one in every table.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from cluvault.errors import UsageError
from cluvault.model.names import check_project_name, shorten

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")


def is_tidy_name(name: str) -> bool:
    """Whether a name has at least one character and no space around it."""
    return name != "" and name == name.strip()


def _tidy_name(name: str) -> str:
    if not is_tidy_name(name):
        raise ValueError("should be a name without spaces around it")
    return name


def _language_tag(tag: str) -> str:
    """The tag as the service writes it: in lower case."""
    if _LANGUAGE.fullmatch(tag) is None:
        raise ValueError("should be a language tag such as en-us")
    return tag.lower()


def _definition_language(tag: str) -> str:
    try:
        return _language_tag(tag)
    except ValueError as err:
        raise UsageError(f"language {shorten(tag)!r} {err}") from err


Name = Annotated[str, AfterValidator(_tidy_name)]
Language = Annotated[str, AfterValidator(_language_tag)]
Kind = Literal["Conversation", "Orchestration"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"))


# --- the project ---------------------------------------------------------------------------------------------------


class ProjectDefinition(BaseModel):
    """What the user says about the new project; None means that nothing was said (a seed's value or a default counts).

    Raises:
        UsageError: the name or the language is not allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(check_project_name)]
    kind: Kind | None = None
    language: Annotated[str, AfterValidator(_definition_language)] | None = None
    multilingual: bool | None = None
    description: str | None = None
    confidence_threshold: Annotated[float, Field(ge=0, le=1)] | None = None


# --- the schema ----------------------------------------------------------------------------------------------------


def _description_of(value: object) -> object:
    """`Name:` alone says nothing more about it; `Name: some text` describes it."""
    if value is None:
        return {}
    return {"description": value} if isinstance(value, str) else value


def _in_project_language(value: object) -> object:
    return cast("object", value) if isinstance(value, dict) else {PROJECT_LANGUAGE: value}


def _own_synonyms(value: object) -> object:
    """A list of words: each is a key and its only synonym."""
    if not isinstance(value, list):
        return value
    words = cast("list[object]", value)
    if not all(isinstance(word, str) for word in words):
        raise ValueError("should be a mapping of keys to synonyms, or a list of words")
    return {word: [word] for word in words}


PROJECT_LANGUAGE: Final = ""
"""The key of values that are given without a language: the project's own counts."""

LanguageKey = Annotated[str, AfterValidator(lambda tag: tag and _language_tag(tag))]
Text = Annotated[str, StringConstraints(min_length=1)]
Synonyms = Annotated[dict[LanguageKey, tuple[Text, ...]], BeforeValidator(_in_project_language)]
Patterns = Annotated[dict[LanguageKey, Text], BeforeValidator(_in_project_language)]


class Target(_Part):
    """What an orchestration intent hands an utterance over to.

    LUIS is not offered: it is retired. A project file as seed can still hold such a target.
    """

    conversation: Name | None = None
    deployment: Name | None = None
    question_answering: Name | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Target:
        if (self.conversation is None) == (self.question_answering is None):
            raise ValueError("should name a conversation project or a question-answering project")
        if (self.conversation is None) != (self.deployment is None):
            raise ValueError("should name a deployment for a conversation project, and only for one")
        return self


class IntentSchema(_Part):
    """An intent."""

    description: str = ""
    target: Target | None = None


class EntitySchema(_Part):
    """An entity and its components; what is empty says nothing."""

    description: str = ""
    lists: Annotated[dict[Name, Synonyms], BeforeValidator(_own_synonyms), Field(alias="list")] = {}
    regex: dict[Name, Patterns] = {}
    prebuilts: tuple[Name, ...] = ()
    required: tuple[Literal["learned", "list", "prebuilts", "regex"], ...] = ()
    composition: (
        Literal["combineComponents", "separateComponents", "returnLongestOverlap", "requireExactOverlap"] | None
    ) = None


class Schema(_Part):
    """Intents and entities by name, in the order of the file."""

    intents: dict[Name, Annotated[IntentSchema, BeforeValidator(_description_of)]] = {}
    entities: dict[Name, Annotated[EntitySchema, BeforeValidator(_description_of)]] = {}

    @field_validator("intents", "entities", mode="before")
    @classmethod
    def _names_alone(cls, value: object) -> object:
        if not isinstance(value, list):
            return {} if value is None else value
        names = cast("list[object]", value)
        if not all(isinstance(name, str) for name in names):
            raise ValueError("should be a list of names, or a mapping of names")
        if twice := [name for name, times in Counter(names).items() if times > 1]:
            raise ValueError(f"names {shorten(str(twice[0]))!r} twice")
        return dict.fromkeys(names)


# --- utterances ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class SpanLabel:
    """A labelled span in UTF-16 code units, as the service counts: an emoji is two."""

    offset: int
    length: int
    category: str


@dataclass(frozen=True, slots=True)
class SeedUtterance:
    """An utterance of a seed, with where it was written; equal when the same is said.

    Attributes:
        language: None means the project's.
        dataset: None means Train.
        labels: By offset, each within the text.
        source: The file, for messages.
        line: Its line there.
    """

    text: str
    intent: str
    language: str | None = None
    dataset: str | None = None
    labels: tuple[SpanLabel, ...] = ()
    source: str = field(default="", compare=False)
    line: int | None = field(default=None, compare=False)


class SeedLabel(_Part):
    """A label as a row writes it: by offset and length in UTF-16 code units, or by the labelled words."""

    category: Name
    offset: Annotated[StrictInt, Field(ge=0)] | None = None
    length: Annotated[StrictInt, Field(ge=1)] | None = None
    text: Text | None = None
    occurrence: Annotated[StrictInt, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> SeedLabel:
        numbers = (self.offset, self.length)
        if (self.text is None and None in numbers) or (self.text is not None and numbers != (None, None)):
            raise ValueError("should have offset and length, or text")
        if self.occurrence is not None and self.text is None:
            raise ValueError("occurrence counts texts; give text instead of offset and length")
        return self


def _dataset(value: Any) -> Any:
    return value.capitalize() if isinstance(value, str) else value


class SeedRow(_Part):
    """A row of CSV or an object of JSONL, before its labels are placed."""

    text: str | None = None
    marked: str | None = None
    intent: Name
    language: Language | None = None
    dataset: Annotated[Literal["Train", "Test"], BeforeValidator(_dataset)] | None = None
    entities: tuple[SeedLabel, ...] | None = None

    @field_validator("text", "marked")
    @classmethod
    def _says_something(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is empty")
        return value

    @field_validator("entities")
    @classmethod
    def _not_twice(cls, value: object, info: ValidationInfo) -> object:
        if value is not None and info.data.get("marked") is not None:
            raise ValueError("belongs to text; marked text labels its spans itself")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> SeedRow:
        if (self.text is None) == (self.marked is None):
            raise ValueError("should have either text or marked")
        return self


_SENTENCES: Final = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "dict_type": "should be a mapping",
    "model_type": "should be a mapping",
    "tuple_type": "should be a list",
    "string_type": "should be text",
    "string_too_short": "is empty",
    "int_type": "should be a whole number",
}


def fault_sentence(fault: Any) -> str:
    """What a fault of pydantic says, in words of files instead of Python."""
    if sentence := _SENTENCES.get(fault["type"]):
        return sentence
    return fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
