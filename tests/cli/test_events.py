"""Commands without Prefect tell the webhook, too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.desk import CONFIGURATION
from tests.support.receiver import receiving

if TYPE_CHECKING:
    from tests.support.desk import Desk


def test_a_direct_backup_tells_the_webhook(desk: Desk) -> None:
    """Each snapshot and the run."""
    with receiving() as receiver:
        desk.configure(CONFIGURATION.format(url=desk.server.url) + f'[events]\nwebhook = "{receiver.url}"\n')
        desk.done("backup", "dev")
    assert receiver.types == ["cluvault.snapshot.created", "cluvault.snapshot.created", "cluvault.run.done"]


def test_a_webhook_that_refuses_costs_a_warning(desk: Desk) -> None:
    """The exit code and the JSON for programs are those of the backup."""
    with receiving() as receiver:
        desk.configure(CONFIGURATION.format(url=desk.server.url) + f'[events]\nwebhook = "{receiver.url}"\n')
        receiver.answer(403)
        outcome = desk("backup", "dev", "--json")
    assert outcome.code == 0
    assert outcome.json["summary"] == "2 stored"
    assert outcome.stderr == "warning: the webhook was not told of 3 of 3 events: it answers 403\n"


def test_a_direct_status_tells_the_webhook(desk: Desk) -> None:
    """Of what is overdue, as the flow would; nothing when all is fine. Who only shows figures tells nobody."""
    with receiving() as receiver:
        objective = "[status]\nresources = { dev = { freshness-hours = 0.000001 } }\n"
        told = f'[events]\nwebhook = "{receiver.url}"\n'
        desk.configure(CONFIGURATION.format(url=desk.server.url) + told + objective)
        assert desk("status", "dev").code == 4
        assert receiver.types == ["cluvault.freshness.missed"] * 2
        desk.configure(CONFIGURATION.format(url=desk.server.url) + told)
        assert desk("status", "prod").code == 0
        desk("report", "-o", "report.html")
    assert receiver.types == ["cluvault.freshness.missed"] * 2
