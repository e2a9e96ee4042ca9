"""The request bodies of trainings, evaluations and exported models, and what each must say. See `shapes.py`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from cluvault.emulator.errors import invalid_argument, invalid_value
from cluvault.emulator.limits import is_project_name
from cluvault.emulator.parsing import Member, ObjectOf, Reader, flag, integer, one_of, required, text
from cluvault.emulator.records import EvaluationOptions, TrainingMode
from cluvault.emulator.training_configs import training_config

if TYPE_CHECKING:
    from cluvault.emulator.training_configs import TrainingConfig
    from cluvault.emulator.versions import ApiVersion

_NAME_LENGTH: Final = 50
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What a training is asked to do.

    Attributes:
        generates: Data are to be generated with Azure OpenAI first.
    """

    label: str
    mode: TrainingMode
    config: TrainingConfig
    evaluation: EvaluationOptions
    generates: bool = False


@cache
def training_reader(version: ApiVersion, *, strict: bool) -> Reader:
    """Reads the body of `:train`, to a TrainingRequest."""
    connection = ObjectOf(
        "DataGenerationConnectionInfo",
        required("kind", one_of("Kind", ("AzureOpenAI",))),
        required("deploymentName", text),
        Member("resourceId", text),
        strict=strict,
    )
    generation = ObjectOf(
        "DataGenerationSettings",
        required("enableDataGeneration", flag),
        Member("dataGenerationConnectionInfo", connection),
        strict=strict,
    )
    shape = ObjectOf(
        "TrainingJobOptions",
        required("modelLabel", text),
        required("trainingMode", one_of("TrainingMode", ("standard", "advanced"))),
        Member("trainingConfigVersion", text),
        Member("evaluationOptions", _evaluation_shape(strict=strict)),
        *((Member("dataGenerationSettings", generation),) if version.data_generation else ()),
        strict=strict,
    )

    def read(value: object) -> TrainingRequest:
        document = shape(value)
        return TrainingRequest(
            label=_name(document["modelLabel"], "ModelLabel"),
            mode=document["trainingMode"],
            config=training_config(document.get("trainingConfigVersion", "latest")),
            evaluation=_evaluation(document.get("evaluationOptions", {}), path="evaluationOptions."),
            generates=document.get("dataGenerationSettings", {}).get("enableDataGeneration", False),
        )

    return read


@cache
def evaluation_reader(*, strict: bool) -> Reader:
    """Reads the body of `:evaluate`, to EvaluationOptions."""
    shape = _evaluation_shape(strict=strict)
    return lambda value: _evaluation(shape(value), path="")


@cache
def exported_model_reader(*, strict: bool) -> Reader:
    """Reads the body of a PUT of an exported model, to the label of the trained one."""
    shape = ObjectOf("ExportedModelOptions", required("trainedModelLabel", text), strict=strict)
    return lambda value: shape(value)["trainedModelLabel"]


def check_name(name: str, parameter: str) -> None:
    """Refuse what cannot be the name of a model or deployment.

    Raises:
        Refusal: 400.
    """
    if not is_project_name(name, max_length=_NAME_LENGTH):
        raise invalid_value(parameter, name, target=parameter[0].lower() + parameter[1:])


def _name(name: str, parameter: str) -> str:
    check_name(name, parameter)
    return name


def _evaluation_shape(*, strict: bool) -> ObjectOf:
    return ObjectOf(
        "EvaluationOptions",
        Member("kind", one_of("EvaluationKind", ("percentage", "manual"))),
        Member("trainingSplitPercentage", integer),
        Member("testingSplitPercentage", integer),
        strict=strict,
    )


def _evaluation(document: dict[str, Any], *, path: str) -> EvaluationOptions:
    """Evaluation options with the service's defaults; a split is given whole or not at all."""
    training, testing = document.get("trainingSplitPercentage"), document.get("testingSplitPercentage")
    if document.get("kind") == "manual":
        return EvaluationOptions(kind="manual")
    if training is None and testing is None:
        return EvaluationOptions()
    training, testing = training or 0, testing or 0
    if training + testing != _WHOLE or not 0 < training <= _WHOLE:
        message = (
            f"The shares `{training}` for training and `{testing}` for testing do not sum to 100, or train nothing."
        )
        raise invalid_argument(message, target=f"{path}trainingSplitPercentage")
    return EvaluationOptions(training_split=training, testing_split=testing)
