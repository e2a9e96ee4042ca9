"""The status for Prometheus, read back with Prometheus's own parser."""

from __future__ import annotations

from datetime import date
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from cluvault.plan.status_facts import LiveDeployment, LiveDetail
from cluvault.plan.status_metrics import status_to_metrics
from tests.plan.statuses import FRESH, NOW, ago, item, live, look, run

MAIL = {"resource": "prod", "project": "Mail"}


def read(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Name → samples; every family has a help and a type, no name comes twice."""
    families = list(text_string_to_metric_families(text))
    assert len({one.name for one in families}) == len(families)
    assert all(one.documentation and one.type == "gauge" for one in families)
    return {one.name: [(sample.labels, sample.value) for sample in one.samples] for one in families}


def test_every_figure() -> None:
    """Of a project, of its resource, of the runs; moments are seconds since 1970."""
    detail = LiveDetail((), (LiveDeployment("production", None, date(2027, 9, 9)),))
    records = (
        run("drill", ago(days=1), item("proven", FRESH.snapshot_id, seconds=4.5)),
        run("verify", ago(days=2)),
        run("copy", ago(days=3), item("failed")),
    )
    found = read(status_to_metrics(look(FRESH, records=records, projects=(live(detail=detail),))))
    assert found["cluvault_project_last_good_timestamp_seconds"] == [(MAIL, ago(hours=1).timestamp())]
    assert found["cluvault_project_freshness_objective_seconds"] == [(MAIL, 26 * 3600)]
    counts = [found[f"cluvault_project_{what}"] for what in ("intents", "entities", "utterances", "snapshots")]
    assert counts == [[(MAIL, 2)], [(MAIL, 1)], [(MAIL, 100)], [(MAIL, 1)]]
    assert found["cluvault_project_edited"] == [(MAIL, 0)]
    assert found["cluvault_project_drill_seconds"] == [(MAIL, 4.5)]
    assert found["cluvault_project_models"] == [(MAIL, 0)]
    assert found["cluvault_project_expiry_timestamp_seconds"] == [({**MAIL, "what": "deployment"}, 1_820_448_000)]
    assert found["cluvault_resource_up"] == [({"resource": "prod"}, 1)]
    assert found["cluvault_run_last_failed"] == [({"kind": "copy"}, 1), ({"kind": "drill"}, 0), ({"kind": "verify"}, 0)]
    assert found["cluvault_vault_verified_timestamp_seconds"] == [({}, ago(days=2).timestamp())]
    assert found["cluvault_status_timestamp_seconds"] == [({}, NOW.timestamp())]
    assert ({"kind": "run-failed"}, 1) in found["cluvault_alarms"]
    assert ({"kind": "stale"}, 0) in found["cluvault_alarms"]


def test_what_is_not_known_has_no_sample() -> None:
    """A project that was never backed up has no moment of its last backup, rather than the year 1970."""
    found = read(status_to_metrics(look()))
    assert not {"cluvault_project_last_good_timestamp_seconds", "cluvault_project_utterances"} & set(found)
    assert found["cluvault_project_alarms"] == [(MAIL, 1)]
    assert "cluvault_resource_up" not in read(status_to_metrics(look(FRESH, projects=None)))
    assert read(status_to_metrics(look(FRESH, projects=None, problem="away")))["cluvault_resource_up"][0][1] == 0


def test_names_that_would_end_their_label() -> None:
    """Quotes, backslashes, line ends, half characters: the text stays well-formed and the name what it was."""
    names = ['"} 1\nevil 2', "back\\slash\\n", "ünïcode 🎉", "half \ud800", "return\rhere"]
    projects: tuple[Any, ...] = tuple(live(name=name) for name in names)
    found = read(status_to_metrics(look(projects=projects)))
    shown = {labels["project"] for labels, _ in found["cluvault_project_alarms"]}
    assert shown == {'"} 1\nevil 2', "back\\slash\\n", "ünïcode 🎉", "half ?", "return here"}
