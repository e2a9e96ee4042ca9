"""Lenient readers of a service that grows: what all typed answers have in common.

Unknown members are ignored, enumerations stay strings, nulls count as absent. Times come with seven digits of
fraction, and as year 1 where the service means "none": those, and times nobody can read, become None.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from cluvault.errors import UnexpectedAnswer
from cluvault.service.problems import Problem, one_line, read_problems
from cluvault.service.protocol import Page, read_object, read_page

if TYPE_CHECKING:
    from cluvault.service.exchange import Answer


def _moment(value: object, handler: ValidatorFunctionWrapHandler) -> datetime | None:
    try:
        found = cast("datetime | None", handler(value))
    except ValidationError:
        return None
    if found is None or found.year == 1:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _day(value: object, handler: ValidatorFunctionWrapHandler) -> date | None:
    try:
        found = cast("date | None", handler(value[:10] if isinstance(value, str) else value))
    except ValidationError:
        return None
    return None if found is None or found.year == 1 else found


Moment = Annotated[datetime | None, WrapValidator(_moment)]
Day = Annotated[date | None, WrapValidator(_day)]
Problems = Annotated[tuple[Problem, ...], BeforeValidator(read_problems)]
Line = Annotated[str, BeforeValidator(one_line)]
"""Text that is shown to people: on one line, without control letters."""
Figure = Annotated[float, Field(allow_inf_nan=False)]
"""A measured number: NaN passes every comparison with a threshold unnoticed, so it is no figure."""


class ServiceValue(BaseModel):
    """Something that the service answers."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        protected_namespaces=(),
        defer_build=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: member for key, member in cast("dict[str, Any]", value).items() if member is not None}


ValueT = TypeVar("ValueT", bound=ServiceValue)


def read_answer(kind: type[ValueT], answer: Answer, *, where: str) -> ValueT:
    """The typed body of an answer.

    Raises:
        UnexpectedAnswer: the body is not what the contract says.
    """
    try:
        return read_item(kind, read_object(answer), where=where)
    except ValueError as err:
        raise _unexpected(where, str(err), answer) from err


def read_list(answer: Answer, *, where: str) -> Page:
    """One page of a list.

    Raises:
        UnexpectedAnswer: the body is no page.
    """
    try:
        return read_page(read_object(answer))
    except ValueError as err:
        raise _unexpected(where, str(err), answer) from err


def read_item(kind: type[ValueT], value: object, *, where: str) -> ValueT:
    """One typed object. An item that cannot be read is an error, never skipped.

    Raises:
        UnexpectedAnswer: it lacks a member, or one has another type.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        del value  # pydantic's error and this frame would show it, the token of an authorised copy included
    place = ".".join(map(str, fault["loc"])) or "top level"
    raise UnexpectedAnswer(f"{where}: the answer is no {kind.__name__}: at {place}: {fault['msg']}")


def _unexpected(where: str, said: str, answer: Answer) -> UnexpectedAnswer:
    message = f"{where}: the answer cannot be read: {said}"
    return UnexpectedAnswer(message, status=answer.status, request_id=answer.request_id)
