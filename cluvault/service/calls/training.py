"""Requests about training and evaluation jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from cluvault.model.json_text import write_json
from cluvault.model.names import shorten
from cluvault.service.calls.address import check_label
from cluvault.service.exchange import JSON, WRITER, Call, Expects, Subject
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from cluvault.service.calls.address import Address

TrainingMode = Literal["standard", "advanced"]


@dataclass(frozen=True, slots=True)
class Split:
    """A random division of the utterances in the dataset `Train`, in percent that add up to 100."""

    training: int = 80
    testing: int = 20


Division = Split | Literal["manual"]
"""How utterances are divided for training and testing: at random, or by each utterance's own dataset."""


@dataclass(frozen=True, slots=True)
class OpenAIConnection:
    """A deployment of an Azure OpenAI model. Without `resource_id` the resource's own connection is used."""

    deployment_name: str
    resource_id: str = ""

    def body(self) -> dict[str, Any]:
        """As the service reads it."""
        known = {"kind": "AzureOpenAI", "deploymentName": self.deployment_name}
        return known | ({"resourceId": self.resource_id} if self.resource_id else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What to train, and how.

    Attributes:
        label: Of the model; an existing one is overwritten.
        mode: `standard` is for English only; `advanced` is for every language, slower, and billed.
        config_version: The training configuration; the newest when None.
        division: How to divide the utterances; the service's default (80 to 20 at random) when None.
        data_generation: The model that generates utterances for the training; none when None.
    """

    label: str
    mode: TrainingMode = "standard"
    config_version: str | None = None
    division: Division | None = None
    data_generation: OpenAIConnection | None = None

    def body(self) -> dict[str, Any]:
        """As the service reads it: it refuses members that it does not know, so nothing is sent in vain."""
        body: dict[str, Any] = {"modelLabel": check_label(self.label), "trainingMode": self.mode}
        if self.config_version is not None:
            body["trainingConfigVersion"] = self.config_version
        if self.division is not None:
            body["evaluationOptions"] = division_body(self.division)
        if (connection := self.data_generation) is not None:
            generation = {"enableDataGeneration": True, "dataGenerationConnectionInfo": connection.body()}
            body["dataGenerationSettings"] = generation
        return body


def division_body(division: Division | None) -> dict[str, Any]:
    """A division as the service reads it; empty for the service's default."""
    if division is None:
        return {}
    if not isinstance(division, Split):
        return {"kind": division}
    split = {"trainingSplitPercentage": division.training, "testingSplitPercentage": division.testing}
    return {"kind": "percentage", **split}


def train(address: Address, version: str, project: str, training: Training) -> Call:
    """Start a training."""
    return Call(
        "POST",
        address.project(project, "/:train", version),
        "train",
        project,
        Subject.PROJECT,
        Expects.ANYTHING,
        repeatable=False,
        role=WRITER,
        body=write_json(training.body()),
        content_type=JSON,
    )


def list_training_jobs(address: Address, version: str, project: str) -> Call:
    """The first page of the training jobs that are not yet forgotten."""
    return Call("GET", address.project(project, "/train/jobs", version), "list training jobs", project, Subject.PROJECT)


def get_training_job(address: Address, version: str, project: str, job_id: str) -> Call:
    """One training job."""
    url = address.project(project, f"/train/jobs/{path_segment(job_id, kind='job')}", version)
    return Call("GET", url, f"get training job {shorten(job_id, 80)}", project, Subject.JOB)


def cancel_training(address: Address, version: str, project: str, job_id: str) -> Call:
    """Ask for a training to be cancelled."""
    url = address.project(project, f"/train/jobs/{path_segment(job_id, kind='job')}/:cancel", version)
    return Call("POST", url, "cancel training", project, Subject.JOB, Expects.ANYTHING, role=WRITER)


def evaluate(address: Address, version: str, project: str, label: str, division: Division | None) -> Call:
    """Start another evaluation of a trained model."""
    return Call(
        "POST",
        address.model(project, label, "/:evaluate", version),
        f"evaluate model {shorten(label)!r}",
        project,
        Subject.PART,
        Expects.ANYTHING,
        role=WRITER,
        body=write_json(division_body(division)),
        content_type=JSON,
    )
