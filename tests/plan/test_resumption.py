"""Which exports are taken up: those whose result is what an export that begins now would give."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cluvault.model.run import Outcome, RunItem, Seen
from cluvault.model.started import StartedExport, StartedExports
from cluvault.plan.incremental import Times
from cluvault.plan.resumption import can_be_taken_up, is_done_with, newest_exports, projects_done
from tests.support.histories import manifest_at

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MODIFIED = NOW - timedelta(days=3)
STARTED = NOW - timedelta(minutes=10)


def export(project: str = "Travel", *, started_at: datetime = STARTED) -> StartedExport:
    """An export of ten minutes ago."""
    return StartedExport(
        project=project, job_id="a1-b2_3", api_version="2023-04-01", started_at=started_at, modified=MODIFIED
    )


def record(*exports: StartedExport, endpoint: str = "https://e") -> StartedExports:
    """A record of them."""
    return StartedExports(endpoint=endpoint, exports=exports)


def seen(exported_at: datetime) -> Seen:
    """What a backup saw."""
    return Seen(modified=MODIFIED, exported_at=exported_at, models_at=exported_at)


def test_the_newest_export_of_each_project_of_this_endpoint() -> None:
    """In whatever order the records come."""
    older, newer = export(started_at=STARTED - timedelta(hours=1)), export()
    foreign = record(export(started_at=NOW), endpoint="https://other")
    for records in ([record(older, export("B")), record(newer)], [record(newer), record(older, export("B"))]):
        assert newest_exports([foreign, *records], endpoint="https://e") == {"Travel": newer, "B": export("B")}


def test_an_export_of_what_has_not_changed_is_taken_up() -> None:
    """Nobody has used it, and the project is as it was."""
    assert can_be_taken_up(export(), Times(MODIFIED), seen=None, latest=None, now=NOW)
    assert can_be_taken_up(export(), Times(MODIFIED), seen=seen(STARTED - timedelta(days=1)), latest=None, now=NOW)
    assert can_be_taken_up(export(), Times(MODIFIED), seen=None, latest=manifest_at(STARTED), now=NOW)


@pytest.mark.parametrize("modified", [None, NOW - timedelta(minutes=1)])
def test_what_was_modified_or_may_have_been_is_exported(modified: datetime | None) -> None:
    """Its time moved, or the service says none."""
    assert not can_be_taken_up(export(), Times(modified), seen=None, latest=None, now=NOW)


@pytest.mark.parametrize("started_at", [NOW - timedelta(hours=25), NOW + timedelta(seconds=1)])
def test_what_is_old_or_of_a_wrong_clock_is_not_taken_up(started_at: datetime) -> None:
    """A full pass is to see what is there now."""
    assert not can_be_taken_up(export(started_at=started_at), Times(MODIFIED), seen=None, latest=None, now=NOW)


def test_what_a_run_has_used_is_not_used_again() -> None:
    """A backup that came to its end saw this export or a later one, or a later snapshot is there."""
    assert not can_be_taken_up(export(), Times(MODIFIED), seen=seen(STARTED), latest=None, now=NOW)
    later = manifest_at(STARTED + timedelta(minutes=1))
    assert not can_be_taken_up(export(), Times(MODIFIED), seen=None, latest=later, now=NOW)


def test_a_record_is_done_with_when_all_of_it_is() -> None:
    """All its projects are done, or it is old."""
    items = [
        RunItem(resource="dev", project="Travel", outcome=Outcome.UNCHANGED, seen=seen(NOW)),
        RunItem(resource="prod", project="B", outcome=Outcome.UNCHANGED, seen=seen(NOW)),
        RunItem(resource="dev", project="C", outcome=Outcome.FAILED),
    ]
    done = projects_done(items, "dev")
    assert done == {"Travel"}
    assert is_done_with(record(export()), done, now=NOW)
    assert not is_done_with(record(export(), export("C")), done, now=NOW)
    assert is_done_with(record(export(), export("C")), done, now=NOW + timedelta(days=1))
