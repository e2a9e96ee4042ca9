"""Typed answers of the service: projects, models, deployments, resources, reference lists, copies."""

from __future__ import annotations

from typing import Annotated, Any, Final, cast

from pydantic import AfterValidator, AliasChoices, BeforeValidator, ConfigDict, Field, SecretStr, TypeAdapter

from cluvault.service.reading import Day, Moment, ServiceValue

_MODEL_ID_DASHES: Final = 2
_MOMENT: Final[TypeAdapter[Moment]] = TypeAdapter(Moment, config=ConfigDict(defer_build=True))


class Project(ServiceValue):
    """A project as the service lists it; `settings` is kept as it came."""

    name: Annotated[str, Field(alias="projectName", min_length=1)]
    kind: Annotated[str, Field(alias="projectKind")] = ""
    language: str = ""
    multilingual: bool = False
    description: str = ""
    settings: dict[str, Any] = Field(default_factory=dict[str, Any])
    created_at: Annotated[Moment, Field(alias="createdDateTime")] = None
    last_modified_at: Annotated[Moment, Field(alias="lastModifiedDateTime")] = None
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    last_deployed_at: Annotated[Moment, Field(alias="lastDeployedDateTime")] = None


class TrainedModel(ServiceValue):
    """A trained model of a project."""

    label: Annotated[str, Field(min_length=1)]
    model_id: Annotated[str, Field(alias="modelId")] = ""
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    training_seconds: Annotated[float | None, Field(alias="lastTrainingDurationInSeconds")] = None
    expires_on: Annotated[Day, Field(alias="modelExpirationDate")] = None
    training_config_version: Annotated[str, Field(alias="modelTrainingConfigVersion")] = ""
    has_snapshot: Annotated[bool, Field(alias="hasSnapshot")] = False


class ExportedModel(ServiceValue):
    """A trained model that was exported for containers."""

    name: Annotated[str, Field(alias="exportedModelName", min_length=1)]
    model_id: Annotated[str, Field(alias="modelId")] = ""
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    last_exported_at: Annotated[Moment, Field(alias="lastExportedModelDateTime")] = None
    expires_on: Annotated[Day, Field(alias="modelExpirationDate")] = None
    training_config_version: Annotated[str, Field(alias="modelTrainingConfigVersion")] = ""

    @property
    def model_label(self) -> str:
        """The label of the exported model; "" when its id does not tell."""
        return label_of(self.model_id)


def _as_object(value: object) -> object:
    """Some versions list resources as bare ids."""
    return {"azureResourceId": value} if isinstance(value, str) else value


def _as_objects(value: object) -> object:
    return [_as_object(item) for item in cast("list[object]", value)] if isinstance(value, list) else value


_RESOURCE_ID: Final = AliasChoices("azureResourceId", "resourceId")


class _Resource(ServiceValue):
    """`azure_openai` is the Azure OpenAI connection assigned to it, as it came; {} when there is none."""

    region: str = ""
    azure_openai: Annotated[dict[str, Any], Field(alias="assignedAoaiResource", default_factory=dict)]


class AssignedResource(_Resource):
    """An Azure resource on which a project may be deployed."""

    resource_id: Annotated[str, Field(validation_alias=_RESOURCE_ID, min_length=1)]


class DeployedResource(_Resource):
    """An Azure resource on which a deployment is; its id may be missing, because no backup shall fail for it."""

    resource_id: Annotated[str, Field(validation_alias=_RESOURCE_ID)] = ""


class Deployment(ServiceValue):
    """A service deployment of a project; `resources` is empty when only the home resource serves it."""

    name: Annotated[str, Field(alias="deploymentName", min_length=1)]
    model_id: Annotated[str, Field(alias="modelId")] = ""
    last_trained_at: Annotated[Moment, Field(alias="lastTrainedDateTime")] = None
    last_deployed_at: Annotated[Moment, Field(alias="lastDeployedDateTime")] = None
    expires_on: Annotated[Day, Field(alias="deploymentExpirationDate")] = None
    training_config_version: Annotated[str, Field(alias="modelTrainingConfigVersion")] = ""
    resources: Annotated[
        tuple[DeployedResource, ...], BeforeValidator(_as_objects), Field(alias="assignedResources")
    ] = ()

    @property
    def model_label(self) -> str:
        """The label of the deployed model, which the service gives only in its id; "" when that does not tell."""
        return label_of(self.model_id)


def label_of(model_id: str) -> str:
    """The label in a model's id, which is `{label}-{date and time}-{32 hex}`; "" when it has another form."""
    label, *rest = model_id.rsplit("-", _MODEL_ID_DASHES)
    return label if len(rest) == _MODEL_ID_DASHES else ""


class GuestDeployment(ServiceValue):
    """A deployment that another resource has placed on this one."""

    name: Annotated[str, Field(alias="deploymentName", min_length=1)]
    last_deployed_at: Annotated[Moment, Field(alias="lastDeployedDateTime")] = None
    expires_on: Annotated[Day, Field(alias="deploymentExpirationDate")] = None


class GuestProject(ServiceValue):
    """A project of another resource, and its deployments on this one."""

    name: Annotated[str, Field(alias="projectName", min_length=1)]
    deployments: Annotated[tuple[GuestDeployment, ...], Field(alias="deploymentsMetadata")] = ()


class SupportedLanguage(ServiceValue):
    """A language that projects may have; `code` is what a project file says, such as `en-us`."""

    code: Annotated[str, Field(alias="languageCode", min_length=1)]
    name: Annotated[str, Field(alias="languageName")] = ""


class PrebuiltEntity(ServiceValue):
    """An entity that the service recognises untaught; `category` is what a project file says."""

    category: Annotated[str, Field(min_length=1)]
    description: str = ""
    examples: str = ""


class TrainingConfigVersion(ServiceValue):
    """A training configuration, and the last day of the models trained with it."""

    name: Annotated[str, Field(alias="trainingConfigVersion", min_length=1)]
    models_expire_on: Annotated[Day, Field(alias="modelExpirationDate")] = None


def _is_sendable(token: SecretStr) -> SecretStr:
    """Whatever cannot be sent ends up, in clear, in the message of whoever fails to send it."""
    text = token.get_secret_value()
    if not (text and text.isascii() and text.isprintable()):
        raise ValueError("is no token")
    return token


class CopyAuthorization(ServiceValue):
    """The target's permission to be written by a copy. Whoever holds the token can write the target project.

    `expires_at_text` is kept as it came, because it has to be sent back so.
    """

    project_kind: Annotated[str, Field(alias="projectKind", min_length=1)]
    target_project: Annotated[str, Field(alias="targetProjectName", min_length=1)]
    access_token: Annotated[SecretStr, AfterValidator(_is_sendable), Field(alias="accessToken")]
    expires_at_text: Annotated[str, Field(alias="expiresAt", min_length=1)]
    target_resource_id: Annotated[str, Field(alias="targetResourceId", min_length=1)]
    target_region: Annotated[str, Field(alias="targetResourceRegion", min_length=1)]

    @property
    def expires_at(self) -> Moment:
        """When the token ends; None when nobody can read it."""
        return _MOMENT.validate_python(self.expires_at_text)
