"""Typed answers of the service: lenient readers of a service that grows.

Unknown members are ignored, enumerations stay strings, nulls count as absent. Times come with seven digits of
fraction, and as year 1 where the service means "none": those, and times nobody can read, become None.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, cast

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

_MODEL_ID_DASHES: Final = 2


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


class _Answer(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, protected_namespaces=(), defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: member for key, member in cast("dict[str, Any]", value).items() if member is not None}


class Project(_Answer):
    """A project as the service lists it; `settings` is kept as it came."""

    name: Annotated[str, Field(alias="projectName", min_length=1)]
    kind: Annotated[str, Field(alias="projectKind")] = ""
    language: str = ""
    multilingual: bool = False
    description: str = ""
    settings: dict[str, Any] = {}
    created_at: Annotated[Moment, Field(alias="createdDateTime")] = None
    last_modified_at: Annotated[Moment, Field(alias="lastModifiedDateTime")] = None
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    last_deployed_at: Annotated[Moment, Field(alias="lastDeployedDateTime")] = None


class TrainedModel(_Answer):
    """A trained model of a project."""

    label: Annotated[str, Field(min_length=1)]
    model_id: Annotated[str, Field(alias="modelId")] = ""
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    training_seconds: Annotated[float | None, Field(alias="lastTrainingDurationInSeconds")] = None
    expires_on: Annotated[Day, Field(alias="modelExpirationDate")] = None
    training_config_version: Annotated[str, Field(alias="modelTrainingConfigVersion")] = ""
    has_snapshot: Annotated[bool, Field(alias="hasSnapshot")] = False


class Deployment(_Answer):
    """A service deployment of a project; `resources` is kept as it came, empty when only the home resource serves."""

    name: Annotated[str, Field(alias="deploymentName", min_length=1)]
    model_id: Annotated[str, Field(alias="modelId")] = ""
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    last_deployed_at: Annotated[Moment, Field(alias="lastDeployedDateTime")] = None
    expires_on: Annotated[Day, Field(alias="deploymentExpirationDate")] = None
    training_config_version: Annotated[str, Field(alias="modelTrainingConfigVersion")] = ""
    resources: Annotated[tuple[Any, ...], Field(alias="assignedResources")] = ()

    @property
    def model_label(self) -> str:
        """The label of the deployed model, which the service gives only as the beginning of the model's id.

        The id is `{label}-{date and time}-{32 hex}`; "" when it has another form.
        """
        label, *rest = self.model_id.rsplit("-", _MODEL_ID_DASHES)
        return label if len(rest) == _MODEL_ID_DASHES else ""


class Job(_Answer):
    """The status of a job; errors and warnings are the service's own words."""

    job_id: Annotated[str, BeforeValidator(one_line), Field(alias="jobId")] = ""
    status: Annotated[str, BeforeValidator(one_line), Field(min_length=1)]
    created_at: Annotated[Moment, Field(alias="createdDateTime")] = None
    last_updated_at: Annotated[Moment, Field(alias="lastUpdatedDateTime")] = None
    expires_at: Annotated[Moment, Field(alias="expirationDateTime")] = None
    errors: Problems = ()
    warnings: Problems = ()
    result_url: Annotated[str, Field(alias="resultUrl")] = ""
    result: dict[str, Any] = {}


AnswerT = TypeVar("AnswerT", bound=_Answer)


def read_answer(kind: type[AnswerT], answer: Answer, *, where: str) -> AnswerT:
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


def read_item(kind: type[AnswerT], value: object, *, where: str) -> AnswerT:
    """One typed object. An item that cannot be read is an error, never skipped.

    Raises:
        UnexpectedAnswer: it lacks a member, or one has another type.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, fault["loc"])) or "top level"
        raise UnexpectedAnswer(f"{where}: the answer is no {kind.__name__}: at {place}: {fault['msg']}") from err


def _unexpected(where: str, said: str, answer: Answer) -> UnexpectedAnswer:
    message = f"{where}: the answer cannot be read: {said}"
    return UnexpectedAnswer(message, status=answer.status, request_id=answer.request_id)
