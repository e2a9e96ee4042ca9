"""Requests about trained models and exported models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.model.json_text import write_json
from cluvault.model.names import shorten
from cluvault.service.calls.address import UTF16, check_label
from cluvault.service.exchange import JSON, OWNER, WRITER, Call, Expects, Subject
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from cluvault.service.calls.address import Address


def list_models(address: Address, version: str, project: str) -> Call:
    """The first page of a project's trained models."""
    return Call("GET", address.project(project, "/models", version), "list models", project, Subject.PROJECT)


def get_model(address: Address, version: str, project: str, label: str) -> Call:
    """One trained model."""
    url = address.model(project, label, "", version)
    return Call("GET", url, f"get model {shorten(label)!r}", project, Subject.PART)


def delete_model(address: Address, version: str, project: str, label: str) -> Call:
    """Delete a trained model; done when it is answered."""
    url = address.model(project, label, "", version)
    what = f"delete model {shorten(label)!r}"
    return Call("DELETE", url, what, project, Subject.PART, Expects.ANYTHING, role=OWNER)


def load_snapshot(address: Address, version: str, project: str, label: str) -> Call:
    """Start putting what a model was trained on in place of the working copy."""
    return Call(
        "POST",
        address.model(project, label, "/:load-snapshot", version),
        f"load snapshot of model {shorten(label)!r}",
        project,
        Subject.PART,
        Expects.ANYTHING,
        repeatable=False,
        role=WRITER,
    )


def evaluation_summary(address: Address, version: str, project: str, label: str) -> Call:
    """The figures of a trained model."""
    url = address.model(project, label, "/evaluation/summary-result", version)
    return Call("GET", url, f"evaluation of model {shorten(label)!r}", project, Subject.PART)


def evaluation_results(address: Address, version: str, project: str, label: str) -> Call:
    """The first page of what a trained model made of each tested utterance."""
    url = address.model(project, label, "/evaluation/result", version, UTF16)
    return Call("GET", url, f"evaluated utterances of model {shorten(label)!r}", project, Subject.PART)


def list_exported_models(address: Address, version: str, project: str) -> Call:
    """The first page of a project's exported models."""
    url = address.project(project, "/exported-models", version)
    return Call("GET", url, "list exported models", project, Subject.PROJECT)


def get_exported_model(address: Address, version: str, project: str, name: str) -> Call:
    """One exported model."""
    url = _exported(address, version, project, name)
    return Call("GET", url, f"get exported model {shorten(name)!r}", project, Subject.PART)


def export_model(address: Address, version: str, project: str, name: str, label: str) -> Call:
    """Start the export of a trained model under a name, in place of what had it."""
    return Call(
        "PUT",
        _exported(address, version, project, name),
        f"export model {shorten(label)!r} as {shorten(name)!r}",
        project,
        Subject.PART,
        Expects.ANYTHING,
        role=WRITER,
        body=write_json({"trainedModelLabel": check_label(label)}),
        content_type=JSON,
    )


def delete_exported_model(address: Address, version: str, project: str, name: str) -> Call:
    """Start the deletion of an exported model."""
    url = _exported(address, version, project, name)
    what = f"delete exported model {shorten(name)!r}"
    return Call("DELETE", url, what, project, Subject.PART, Expects.ANYTHING, role=OWNER)


def _exported(address: Address, version: str, project: str, name: str) -> str:
    return address.project(project, f"/exported-models/{path_segment(name, kind='exported model')}", version)
