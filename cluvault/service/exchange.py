"""The values that pass between the client's parts: what is asked, what came back. They hold no credential."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

JSON: Final = "application/json"
PREDICTIONS: Final = "predictions"
"""The lane of the runtime API, of which the service allows many more calls a minute than of the authoring API."""

READER: Final = "Cognitive Services Language Reader"
WRITER: Final = "Cognitive Services Language Writer"
OWNER: Final = "Cognitive Services Language Owner"


class Subject(StrEnum):
    """What a 404 says is missing."""

    RESOURCE = "resource"
    PROJECT = "project"
    PART = "part"
    JOB = "job"


class Expects(StrEnum):
    """What the body of a good answer has to be."""

    ANYTHING = "anything"
    JSON_OBJECT = "JSON object"


@dataclass(frozen=True, slots=True)
class Call:
    """One request, before a credential is put on it.

    Attributes:
        method: HTTP verb in upper case.
        url: Absolute, on the resource's own origin.
        what: The operation in a user's words, for messages.
        project: The project that it is about, or "".
        subject: What a 404 would say is missing.
        expects: What the body of a good answer has to be.
        repeatable: Whether sending it a second time does no harm when nobody knows what became of the first.
        role: The weakest Azure role that allows it, for messages.
        body: What is sent.
        content_type: Of `body`.
        secrets: What the body reveals and no message may.
        lane: The budget that it is counted on; "" for that of its verb.
        priority: Its place in the queue where calls have to wait; lower goes first.
    """

    method: str
    url: str
    what: str
    project: str = ""
    subject: Subject = Subject.RESOURCE
    expects: Expects = Expects.JSON_OBJECT
    repeatable: bool = True
    role: str = READER
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    secrets: tuple[SecretStr, ...] = ()
    lane: str = ""
    priority: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, headers with lower-case names, decoded body."""

    status: int
    headers: Mapping[str, str]
    content: bytes = field(default=b"", repr=False)

    @property
    def request_id(self) -> str:
        """The service's id of this exchange, for its support; "" when it gave none."""
        found = self.headers.get("apim-request-id") or self.headers.get("request-id", "")
        return "".join(letter for letter in found if letter.isalnum() or letter in "-_")[:64]


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No whole answer arrived.

    Attributes:
        reason: Why, in words.
        unprocessed: Whether the service provably never saw the request.
        too_large: Whether the answer was given up for its size; asking again would not help.
    """

    reason: str
    unprocessed: bool = False
    too_large: bool = False
