"""Overrides of a route: set what they name, and nothing else."""

from __future__ import annotations

import pytest

from cluvault.errors import ConfigurationError
from cluvault.model.json_text import JsonObject, write_json
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.overrides import apply_overrides
from cluvault.settings import OverrideSettings


def orchestration() -> ProjectFile:
    """A project with targets of three kinds, and one intent without any."""
    targets: dict[str, JsonObject | None] = {
        "Mail": {
            "targetProjectKind": "Conversation",
            "conversationOrchestration": {"projectName": "EmailApp-dev", "deploymentName": "staging"},
        },
        "Faq": {
            "targetProjectKind": "QuestionAnswering",
            "questionAnsweringOrchestration": {"projectName": "faq-dev"},
        },
        "None": None,
        "Odd": {"targetProjectKind": "Luis"},
    }
    document: JsonObject = {
        "projectFileVersion": "2025-11-01",
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": "Orchestration", "projectName": "Desk", "language": "en-us", "settings": {"a": 1}},
        "assets": {
            "projectKind": "Orchestration",
            "intents": [
                {"category": name} | ({} if target is None else {"orchestration": target})
                for name, target in targets.items()
            ],
        },
    }
    return read_project_file(write_json(document))


def test_no_overrides_change_nothing() -> None:
    """The document is equal."""
    file = orchestration()
    assert apply_overrides(file, OverrideSettings()).document == file.document


def test_what_is_named_is_set_and_the_rest_stays() -> None:
    """Description, settings beside others, projects and deployments of targets; the input is left alone."""
    file = orchestration()
    before = file.to_bytes()
    overrides = OverrideSettings.model_validate(
        {
            "description": "prod",
            "settings": {"confidenceThreshold": 0.7},
            "targets": {"Mail": {"project": "EmailApp"}, "Faq": {"project": "faq"}},
        }
    )
    changed = apply_overrides(file, overrides)
    assert changed.metadata.get("description") == "prod"
    assert changed.metadata.get("settings") == {"a": 1, "confidenceThreshold": 0.7}
    mail, faq, *others = (intent.get("orchestration") for intent in changed.intents)
    assert mail == {
        "targetProjectKind": "Conversation",
        "conversationOrchestration": {"projectName": "EmailApp", "deploymentName": "staging"},
    }
    assert faq is not None
    assert faq["questionAnsweringOrchestration"] == {"projectName": "faq"}
    assert others == [intent.get("orchestration") for intent in file.intents[2:]]
    assert file.to_bytes() == before


@pytest.mark.parametrize(
    "targets, said",
    [
        ({"Gone": {"project": "x"}}, "'Gone': the project has no such intent"),
        ({"None": {"project": "x"}}, "'None': the intent leads to no project"),
        ({"Odd": {"project": "x"}}, "'Odd': the intent leads to no project"),
        ({"Faq": {"deployment": "x"}}, "'Faq': what it leads to has no deployments"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(targets: JsonObject, said: str) -> None:
    """A typing error in a route would send users to the wrong project."""
    with pytest.raises(ConfigurationError, match=said):
        apply_overrides(orchestration(), OverrideSettings.model_validate({"targets": targets}))
