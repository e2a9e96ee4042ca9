"""Every kind of event that users build on is told by its flow: when it succeeds, finds nothing to do, and fails.

What arrives at a real Prefect server is held against the documented table, and given to the templates of our own
automations and triggers.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cluvault.errors import CluvaultError
from cluvault.ops.backup import BackupOptions
from cluvault.ops.cleanup import CleanupOptions
from cluvault.ops.copy import CopyOptions
from cluvault.ops.create import CreateOptions
from cluvault.ops.drift import DriftOptions
from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.prune import PruneOptions
from cluvault.ops.restore import RestoreOptions
from cluvault.ops.rollback import RollbackOptions
from cluvault.ops.status import StatusOptions
from cluvault.ops.verify import VerifyOptions
from cluvault.ops.watch import WatchOptions
from cluvault.plan.event_names import COMMON, EVENTS
from tests.cli.test_promote import GATE, again, route
from tests.flows.test_deployments import DEPLOYMENTS, ROOT
from tests.flows.test_events import told
from tests.support.desk import KEY
from tests.support.promoting import desk as project
from tests.support.triggers import parameters_of, rendered

if TYPE_CHECKING:
    from pydantic import BaseModel

    from tests.flows.conftest import Prefect

pytestmark = [pytest.mark.prefect, pytest.mark.long]

CONFIGURED = """
[status]
expiry-days = 3650
resources = { dev = { freshness-hours = 0.000001 } }
"""
TOLD = {
    *(
        "cluvault.snapshot.created",
        "cluvault.snapshot.unchanged",
        "cluvault.snapshot.failed",
        "cluvault.project.vanished",
    ),
    *("cluvault.restore.done", "cluvault.restore.failed", "cluvault.create.done", "cluvault.create.failed"),
    *("cluvault.cleanup.deleted", "cluvault.cleanup.refused", "cluvault.prune.removed", "cluvault.copy.done"),
    *("cluvault.drill.proven", "cluvault.vault.damaged", "cluvault.freshness.missed", "cluvault.expiry.near"),
    *("cluvault.drift.found", "cluvault.promotion.begun", "cluvault.promotion.promoted", "cluvault.promotion.refused"),
    *("cluvault.promotion.rolled-back", "cluvault.promotion.due", "cluvault.project.changed"),
    *("cluvault.resource.changed", "cluvault.run.done", "cluvault.run.failed"),
}
"""What the flows below have to tell; the inbox's events and the approval's have stories of their own."""


def test_is_told_as_documented(prefect: Prefect) -> None:
    """Each with exactly the documented payload, no key of a resource in it; our templates make sense of each."""
    since = datetime.now(UTC)
    act(prefect)
    found = {one["event"]: one for one in told(prefect, since, at_least=60)}
    assert set(found) >= TOLD, TOLD - set(found)
    for name, event in found.items():
        assert set(event["payload"]) == {*COMMON, *EVENTS[name].payload}, name
        roles = {one["prefect.resource.role"] for one in event["related"]} - {
            "flow-run",
            "task-run",
            "flow",
            "tag",
            "deployment",
        }
        assert roles <= set(EVENTS[name].related), name
    assert KEY not in json.dumps(found)
    check_templates(found)


def act(prefect: Prefect) -> None:
    """Success, nothing to do, and failure of each flow."""
    desk = prefect.desk
    text = (desk.folder / "cluvault.toml").read_text("utf-8")
    desk.configure(text.replace("[vault]", "[vault]\nretention = { keep-last = 1 }") + CONFIGURED)
    route(desk, GATE, "on-snapshot = true")

    def run(name: str, options: BaseModel) -> None:
        with suppress(CluvaultError):  # what becomes of it is told
            prefect.run(name, options)

    up = PromoteOptions(project="Desk", route="up", apply=True)
    run("watch", WatchOptions(quiet_minutes=0))
    run("backup", BackupOptions(resources=("dev",)))
    run("backup", BackupOptions(resources=("dev",), projects=("Desk", "Nothing")))
    run("drift", DriftOptions(source="dev", target="prod"))
    run("promote", up)
    run("status", StatusOptions(deep=True))
    run("rollback", RollbackOptions(project="Desk", route="up", apply=True))
    again(desk, project(mislabelled=5))
    run("promote", up)
    run("restore", RestoreOptions(reference="dev/Pizza", to="prod/Pizza"))
    run("restore", RestoreOptions(reference="dev/Pizza", to="prod/Pizza"))
    run("create", CreateOptions(target="dev/New-draft", language="en-us"))
    run("create", CreateOptions(target="dev/Mail", language="en-us"))
    run("cleanup", CleanupOptions(resource="dev", apply=True))
    run("cleanup", CleanupOptions(resource="dev", everything=True, apply=True, max_deletions=0))
    run("backup", BackupOptions(resources=("dev",)))  # what was deleted is missed
    run("copy", CopyOptions(to=str(desk.folder / "second")))
    run("verify", VerifyOptions(references=("dev/Mail",), drill="dev"))
    run("prune", PruneOptions(apply=True))
    shutil.rmtree(desk.content("Pizza").parent.parent, ignore_errors=True)
    desk.content("Mail").write_bytes(b"damaged")
    run("verify", VerifyOptions(read_data=True))


def check_templates(found: dict[str, dict[str, Any]]) -> None:
    """Triggers' parameters are what the flows take; a notification says whom it is about, and the payload."""
    for deployment in DEPLOYMENTS.values():
        for trigger in deployment.get("triggers", []):
            if trigger["expect"][0].startswith("cluvault."):
                parameters_of(deployment, trigger, found[trigger["expect"][0]]["payload"])
    automation = yaml.safe_load((ROOT / "deployments/automations/noteworthy.yaml").read_text("utf-8"))
    (action,) = automation["actions"]
    for name in set(automation["trigger"]["expect"]) & set(found):
        event = found[name]
        resource = SimpleNamespace(id=event["resource"]["prefect.resource.id"])
        said = rendered(action, SimpleNamespace(event=name, resource=resource, payload=event["payload"]))
        assert said["subject"] == f"{name}: {resource.id}"
        assert json.loads(said["body"]) == event["payload"]
