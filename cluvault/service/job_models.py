"""Typed states of jobs, with what those jobs have that bring a result."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from cluvault.service.reading import Figure, Line, Moment, Problems, ServiceValue


class Job(ServiceValue):
    """The status of a job; errors and warnings are the service's own words."""

    job_id: Annotated[Line, Field(alias="jobId")] = ""
    status: Annotated[Line, Field(min_length=1)]
    created_at: Annotated[Moment, Field(alias="createdDateTime")] = None
    last_updated_at: Annotated[Moment, Field(alias="lastUpdatedDateTime")] = None
    expires_at: Annotated[Moment, Field(alias="expirationDateTime")] = None
    errors: Problems = ()
    warnings: Problems = ()


class ExportJob(Job):
    """An export; `result_url` is where the file is, "" until it has succeeded."""

    result_url: Annotated[str, Field(alias="resultUrl")] = ""


class Progress(ServiceValue):
    """How far one part of a training is."""

    percent: Annotated[Figure, Field(alias="percentComplete")] = 0.0
    status: Line = ""
    started_at: Annotated[Moment, Field(alias="startDateTime")] = None
    ended_at: Annotated[Moment, Field(alias="endDateTime")] = None


class TrainingResult(ServiceValue):
    """What a training makes, and how far it is.

    `training_config_version` is the resolved one, never `latest`. With very little data a training succeeds while its
    evaluation stays at `notStarted`: there was nothing to test with.
    """

    model_label: Annotated[str, Field(alias="modelLabel")] = ""
    training_config_version: Annotated[str, Field(alias="trainingConfigVersion")] = ""
    training_mode: Annotated[str, Field(alias="trainingMode")] = ""
    training: Annotated[Progress | None, Field(alias="trainingStatus")] = None
    evaluation: Annotated[Progress | None, Field(alias="evaluationStatus")] = None
    data_generation: Annotated[Progress | None, Field(alias="dataGenerationStatus")] = None
    estimated_end_at: Annotated[Moment, Field(alias="estimatedEndDateTime")] = None


class TrainingJob(Job):
    """A training."""

    result: TrainingResult | None = None


class EvaluationOptions(ServiceValue):
    """How the utterances were divided for an evaluation."""

    kind: str = ""
    training_percent: Annotated[int | None, Field(alias="trainingSplitPercentage")] = None
    testing_percent: Annotated[int | None, Field(alias="testingSplitPercentage")] = None


class EvaluationResult(ServiceValue):
    """What an evaluation on demand is about, and how far it is; the figures are in the model's evaluation summary."""

    model_label: Annotated[str, Field(alias="modelLabel")] = ""
    training_config_version: Annotated[str, Field(alias="trainingConfigVersion")] = ""
    percent: Annotated[Figure, Field(alias="percentComplete")] = 0.0
    options: Annotated[EvaluationOptions | None, Field(alias="evaluationOptions")] = None


class EvaluationJob(Job):
    """An evaluation on demand."""

    result: EvaluationResult | None = None
