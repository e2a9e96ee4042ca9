"""The files of deployments/: each loads, fits the flows, and is taken by Prefect's own models."""

from __future__ import annotations

import json
import re
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import prefect
import pytest
import yaml

from cluvault.errors import ConfigurationError
from deployments.desired import NOTIFY, PREFIX, TAG, DeployOptions, Desired, build_desired
from deployments.source import (
    AutomationFile,
    environment_names,
    read_automations,
    read_entries,
    read_environment,
    read_pool,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
POOL_TYPES = ("process", "docker", "kubernetes")
ENTRIES = {one.full_name: one for one in read_entries()}
OVERLAPPING = {"recover/recover", "intake/inbox"}
"""Their runs may overlap: leases see to it that they do not disturb each other."""
FLOWS_OF_EVENTS = re.compile(r"(prefect\.flow-run|cluvault)\.[a-zA-Z*.-]+")


def desired(**options: Any) -> Desired:
    """What a deploy wants."""
    return build_desired(DeployOptions(**options))


def write(folder: Path, **values: Any) -> str:
    """An environment file of a user's."""
    path = folder / "environment.yaml"
    path.write_text(yaml.safe_dump(values), "utf-8")
    return str(path)


@pytest.mark.parametrize("environment", [None, *environment_names()])
def test_every_environment_loads(environment: str | None) -> None:
    """All deployments are there, ours by their tag, with an entrypoint that is imported."""
    found = {one.name: one for one in desired(environment=environment, notify="slack-webhook/ops").objects}
    assert set(ENTRIES) <= set(found)
    for name in ENTRIES:
        assert TAG in found[name].fields["tags"]
        assert re.fullmatch(r"flows\.\w+\.\w+", found[name].fields["entrypoint"])
        assert "/" not in json.dumps(found[name].fields["pull_steps"])


def test_schedules_do_not_collide() -> None:
    """No two that are on begin in the same minute of the same day, all are in one time zone, and each has a name."""
    times: Counter[str] = Counter()
    for entry in ENTRIES.values():
        for schedule in entry.schedules:
            assert schedule.slug
            if schedule.cron is not None and schedule.active:
                times[schedule.cron] += 1
    assert not [cron for cron, number in times.items() if number > 1]
    assert len({one.timezone for entry in ENTRIES.values() for one in entry.schedules}) == 1


def test_what_runs_by_itself_runs_once_at_a_time() -> None:
    """A run that is still under way is not joined by another; two at once would only wait for each other."""
    for entry in ENTRIES.values():
        if entry.schedules and entry.full_name not in OVERLAPPING:
            assert entry.concurrency_limit is not None, entry.full_name
            assert entry.concurrency_limit.limit == 1


def test_every_deployment_has_a_description_and_its_tags() -> None:
    """People meet them in a list."""
    for entry in ENTRIES.values():
        assert entry.description
        assert "cluvault" in entry.tags


def test_automations_reach_a_person_only_when_one_is_named() -> None:
    """Without a block those that only notify are left out, and named; with one all are there."""
    quiet, loud = desired(), desired(notify="slack-webhook/ops")
    count = len(read_automations()) + sum(len(one.triggers) for one in ENTRIES.values())
    assert _automations(quiet).keys() | set(quiet.left_out) == _automations(loud).keys()
    assert len(_automations(loud)) == count
    assert loud.left_out == quiet.switched_off == ()
    (notify,) = _automations(loud)[f"{PREFIX}a run failed"]["actions"]
    assert notify["block_document_id"] == "slack-webhook/ops"


def _automations(found: Desired) -> dict[str, dict[str, Any]]:
    return {one.name: one.fields for one in found.objects if one.kind == "automation"}


@pytest.mark.parametrize("file", read_automations(), ids=lambda file: file.name)
def test_automations_say_what_they_are_for(file: AutomationFile) -> None:
    """A description; events of Prefect or of cluvault; blocks only by the name that the configuration gives."""
    assert file.description
    trigger = file.trigger
    for event in [*trigger["expect"], *trigger.get("after", [])]:
        assert FLOWS_OF_EVENTS.fullmatch(event)
    assert {action["block"] for action in file.actions if "block" in action} <= {NOTIFY}
    assert {action["deployment"] for action in file.actions if "deployment" in action} <= set(ENTRIES)


@pytest.mark.parametrize("file", read_automations(), ids=lambda file: file.name)
def test_templates_render(file: AutomationFile) -> None:
    """By the template engine of Prefect's server, which refuses what it does not know."""
    from prefect.server.utilities.user_templates import validate_user_template  # noqa: PLC0415

    for action in file.actions:
        for text in (action.get("subject"), action.get("body"), action.get("message")):
            if text is not None:
                validate_user_template(text)


@pytest.mark.parametrize("pool_type", POOL_TYPES)
def test_pools_are_prefects_own_and_more(pool_type: Any) -> None:
    """Every setting that Prefect's worker of this type reads is still there; each placeholder is a variable."""
    template = read_pool(pool_type)
    theirs = _template_of(pool_type)
    assert set(theirs["job_configuration"]) <= set(template["job_configuration"])
    variables = template["variables"]["properties"]
    assert set(theirs["variables"]["properties"]) <= set(variables)
    placeholders = set(re.findall(r"{{ (\w+) }}", json.dumps(template["job_configuration"])))
    assert placeholders <= set(variables)
    assert "PREFECT_LOGGING_EXTRA_LOGGERS" in variables["env"]["default"]


def _template_of(pool_type: str) -> dict[str, Any]:
    path = Path(prefect.__file__).parent / "server/api/collections_data/views/aggregate-worker-metadata.json"
    collections = cast("dict[str, dict[str, Any]]", json.loads(path.read_text("utf-8")))
    (found,) = [one[pool_type] for one in collections.values() if pool_type in one]
    return found["default_base_job_configuration"]


def test_kubernetes_jobs_have_no_more_rights_than_they_need() -> None:
    """No root, no writable root file system, limits, a workload identity."""
    template = read_pool("kubernetes")["job_configuration"]["job_manifest"]["spec"]["template"]
    spec = template["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert template["metadata"]["labels"]["azure.workload.identity/use"] == "true"
    assert set(container["resources"]) == {"limits", "requests"}


def test_an_environment_of_ones_own(tmp_path: Path) -> None:
    """Its time zone, parameters, schedules and tags go over the files'; what it switches off is not there."""
    file = write(
        tmp_path,
        **{"time-zone": "Europe/Berlin", "tags": ["team:nlp"], "limits": {"tag:cluvault": {"limit": 8}}},
        deployments={
            "nightly": {
                "parameters": {"options": {"resources": ["prod"]}},
                "schedules": {"nightly": {"cron": "30 1 * * *"}},
                "job-variables": {"env": {"CLU_DEV_KEY": "from-a-secret"}},
                "concurrency-limit": "off",
            },
            "weekly-verify": {"concurrency-limit": {"limit": 3}},
            "copy/offsite": {"enabled": False},
        },
    )
    found = {one.name: one.fields for one in desired(environment=file).objects}
    nightly = found["backup/nightly"]
    assert nightly["parameters"] == {"options": {"reason": "scheduled", "resources": ["prod"]}}
    assert nightly["schedules"]["nightly"]["cron"] == "30 1 * * *"
    assert nightly["schedules"]["nightly"]["timezone"] == "Europe/Berlin"
    assert "team:nlp" in nightly["tags"]
    assert nightly["job_variables"]["env"].items() > {"CLU_DEV_KEY": "from-a-secret"}.items()
    assert nightly["concurrency"] is None
    assert found["verify/weekly-verify"]["concurrency"]["limit"] == 3
    assert "copy/offsite" not in found
    assert found["tag:cluvault"] == {"limit": 8, "slot_decay_per_second": 0.0}


def test_an_automation_of_a_deployment_that_is_switched_off(tmp_path: Path) -> None:
    """Goes with it, and is not said to lack somebody to notify."""
    found = desired(environment=write(tmp_path, deployments={"nightly": {"enabled": False}}))
    assert f"{PREFIX}a crashed backup starts again" not in _automations(found)
    assert found.switched_off == (f"{PREFIX}a crashed backup starts again",)
    assert f"{PREFIX}a run failed" in found.left_out


def test_the_image_is_for_every_deployment() -> None:
    """As a job variable, which goes before the pool's default."""
    found = desired(pool_type="docker", image="registry.example/cluvault:1")
    assert {one.fields["job_variables"]["image"] for one in found.objects if one.kind == "deployment"} == {
        "registry.example/cluvault:1"
    }


NONSENSE: dict[str, tuple[dict[str, Any], str]] = {
    "no such deployment": ({"deployments": {"nihgtly": {}}}, "no deployment is called 'nihgtly'; there are backup/"),
    "no such schedule": ({"deployments": {"nightly": {"schedules": {"daily": {}}}}}, "has no schedule 'daily'"),
    "no such time zone": ({"time-zone": "Berlin"}, "at time-zone: 'Berlin' is no time zone"),
    "unknown key": ({"timezone": "UTC"}, "at timezone: Extra inputs are not permitted"),
    "a wrong parameter": (
        {"deployments": {"nightly": {"parameters": {"options": {"concurrency": 0}}}}},
        "backup/nightly: at parameters.options.concurrency",
    ),
    "no such parameter": ({"deployments": {"nightly": {"parameters": {"x": 1}}}}, "the flow has no parameter 'x'"),
    "a limit of another's": ({"limits": {"database": {"limit": 1}}}, "at limits: a limit's name begins with"),
    "two times": ({"deployments": {"nightly": {"schedules": {"nightly": {"interval": 60}}}}}, "exactly one of cron"),
    "cron": (
        {"deployments": {"nightly": {"schedules": {"nightly": {"cron": "61 * * * *"}}}}},
        'Invalid cron string: "61 * * * *"',
    ),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_is_named(name: str, tmp_path: Path) -> None:
    """In one line: the file, the place, the mend."""
    values, message = NONSENSE[name]
    with pytest.raises(ConfigurationError) as caught:
        desired(environment=write(tmp_path, **values))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_environment_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    """Names those that cluvault brings along; says where the YAML breaks."""
    with pytest.raises(ConfigurationError, match="neither a file nor one of development, production"):
        read_environment("prod")
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [", "utf-8")
    with pytest.raises(ConfigurationError, match=r"broken\.yaml: cannot be read: "):
        read_environment(str(broken))


def test_the_files_are_installed_with_the_package() -> None:
    """As data of the package `deployments`, whatever the working directory."""
    names: Callable[[Any], list[str]] = lambda folder: [one.name for one in folder.iterdir()]  # noqa: E731
    folder = files("deployments")
    assert {"prefect.yaml", "pools", "automations", "environments"} <= set(names(folder))
    assert (ROOT / "deployments").samefile(str(folder))
