"""The status: what is an alarm, what is a note, and what each says is to be done."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.model.manifest import DeploymentRecord, ModelRecord, Reason
from cluvault.plan.status_checks import span
from cluvault.plan.status_events import status_events
from cluvault.plan.status_facts import LiveDeployment, LiveDetail, LiveModel, RunHistory, fold_history
from cluvault.settings import StatusSettings
from tests.plan.statuses import FRESH, NOW, ago, item, kinds, live, look, only, run, snapshot

if TYPE_CHECKING:
    from cluvault.plan.status import Row, Status
    from cluvault.plan.status_facts import ProjectHistory

# --- freshness -----------------------------------------------------------------------------------------------------


def test_all_is_fine() -> None:
    """A backup of an hour ago, nothing else wanted: exit code 0."""
    status = look(FRESH)
    assert (status.exit_code, status.summary, only(status).state) == (0, "1 ok: all fine", "ok")
    assert only(status).age == timedelta(hours=1)


def test_a_backup_that_is_overdue() -> None:
    """The sentence has age and objective, the mend a command; edits make it worse, and it says so."""
    status = look(snapshot(ago(hours=30)))
    assert (kinds(status), status.exit_code, status.summary) == (["stale"], 4, "1 alarm: 1 alarm")
    assert str(status.alarms[0]) == (
        "the last good backup of prod/Mail is 30 h old (objective: 26 h), and it was edited since; "
        "run `cluvault backup prod --project Mail` and see that its schedule runs"
    )
    assert only(status).notes == ("edited since its last snapshot",)


def test_a_project_that_nobody_edits_is_as_fresh_as_the_last_backup_that_found_it_unchanged() -> None:
    """No new snapshot is stored for it; and a run that failed for it says nothing."""
    old = snapshot(ago(days=20))
    unchanged = run("backup", ago(hours=3), item("unchanged", old.snapshot_id))
    failed = run("backup", ago(hours=1), item("failed", detail="no luck"))
    status = look(old, records=(unchanged,), projects=(live(last_modified_at=ago(days=21)),))
    assert (only(status).age, kinds(status)) == (timedelta(hours=3), [])
    status = look(old, records=(failed, unchanged))
    assert (only(status).age, kinds(status)) == (timedelta(hours=3), ["backup-failed"])
    assert "failed: no luck; mend that and run" in str(status.alarms[0])


def test_an_objective_of_one_resource() -> None:
    """It goes before the general one, and only in what it says."""
    settings = {"freshness-hours": 100, "size-drop": 0.5, "resources": {"prod": {"freshness-hours": 2}}}
    assert kinds(look(snapshot(ago(hours=30)), settings=settings)) == ["stale"]
    objective = StatusSettings.model_validate(settings).of("prod")
    assert (objective.freshness_hours, objective.size_drop) == (2, 0.5)
    assert StatusSettings.model_validate(settings).of("dev").freshness_hours == 100


def test_a_project_that_was_never_backed_up() -> None:
    """An alarm, unless it is so young that its first backup is not due."""
    assert kinds(look()) == ["never-backed-up"]
    assert kinds(look(projects=(live(created_at=None),))) == ["never-backed-up"]
    status = look(projects=(live(created_at=ago(hours=3)),))
    assert (only(status).state, only(status).notes, status.exit_code) == ("new", ("new, the next backup takes it",), 0)


def test_what_is_nobodys_business() -> None:
    """Scratch projects, and names that are told to be ignored."""
    projects = (live(name="cluvault-scratch-1"), live(name="draft-1"), live())
    status = look(FRESH, projects=projects, settings={"ignore": ["draft-*"]})
    assert [row.project for row in status.rows] == ["Mail"]


# --- damage --------------------------------------------------------------------------------------------------------


def test_damage_that_the_last_verification_found() -> None:
    """Exit code 5; the damaged snapshot counts no more as a backup, the one before it does."""
    old, new = snapshot(ago(hours=20)), FRESH
    found = run("verify", ago(minutes=30), item("damaged", new.snapshot_id, detail="other bytes"))
    status = look(old, new, records=(found,))
    assert (kinds(status), status.exit_code) == (["damaged"], 5)
    assert only(status).age == timedelta(hours=20)
    assert f"prod/Mail@{new.snapshot_id} is damaged: other bytes; mend it with `cluvault verify --repair`" == str(
        status.alarms[0]
    )
    status = look(new, records=(found,))
    assert kinds(status) == ["damaged", "never-backed-up"]
    assert "no snapshot that is not damaged" in str(status.alarms[1])


def test_damage_that_is_mended_or_looked_at_again() -> None:
    """A later repair, or a later look at the whole vault, ends it; a later look at another part does not."""
    damaged = run("verify", ago(hours=9), item("missing", FRESH.snapshot_id), item("unreferenced"))
    repaired = run("verify", ago(hours=5), item("repaired", FRESH.snapshot_id), options={"references": ["prod/Mail"]})
    other = run("verify", ago(hours=2), options={"references": ["prod/Other"]})
    whole = run("verify", ago(hours=1), options={"references": []})
    assert kinds(look(FRESH, records=(other, damaged))) == ["damaged", "never-backed-up"]
    assert kinds(look(FRESH, records=(other, repaired, damaged))) == []
    status = look(FRESH, records=(whole, damaged))
    assert (kinds(status), status.verified_at) == ([], ago(hours=1))


def test_a_manifest_that_cannot_be_read() -> None:
    """Damage too, and no project is new because of it."""
    status = look(unreadable=("it is no manifest",), projects=(live(created_at=ago(hours=1)),))
    assert kinds(status) == ["damaged", "never-backed-up"]
    assert status.exit_code == 5


# --- size ----------------------------------------------------------------------------------------------------------


def test_utterances_that_went_since_yesterday() -> None:
    """The latest beside the last one of before the window; both ways to go are in the mend."""
    old, between, new = (
        snapshot(ago(hours=25), utterances=100),
        snapshot(ago(hours=5), utterances=80),
        snapshot(ago(hours=1), utterances=60),
    )
    status = look(snapshot(ago(days=9), utterances=9), old, between, new)
    assert kinds(status) == ["size-drop"]
    assert f"prod/Mail lost 40% of its utterances (100 to 60) since prod/Mail@{old.snapshot_id}; " in str(
        status.alarms[0]
    )
    assert f"`cluvault restore prod/Mail@{old.snapshot_id} --to prod --if-exists replace`" in str(status.alarms[0])
    assert only(status).to_json()["utterancesLost"] == 0.4
    assert kinds(look(old, between)) == []


@pytest.mark.parametrize(
    "before, after, settings", [(100, 71, {}), (8, 4, {}), (0, 0, {}), (10, 30, {}), (100, 1, {"size-drop": 1})]
)
def test_utterances_that_went_and_are_no_alarm(before: int, after: int, settings: dict[str, Any]) -> None:
    """Too small a share, too few, none before, more than before, or asked for nothing less than all."""
    snapshots = snapshot(ago(hours=30), utterances=before), snapshot(ago(hours=1), utterances=after)
    assert kinds(look(*snapshots, settings=settings)) == []


def test_a_history_in_parts_is_the_same_as_whole() -> None:
    """Snapshots come in batches."""
    all_of_them = [snapshot(ago(hours=hours)) for hours in range(40, 0, -1)]
    cutoff = ago(hours=24)
    whole = fold_history(None, all_of_them, cutoff=cutoff)
    parts: ProjectHistory | None = None
    for begin, end in ((0, 3), (3, 20), (20, 21), (21, 40)):
        parts = fold_history(parts, all_of_them[begin:end], cutoff=cutoff)
    assert parts == whole
    assert (whole.number, whole.baseline.captured_at, whole.previous) == (40, cutoff, all_of_them[-2])
    assert fold_history(None, [FRESH], cutoff=cutoff).previous is None


# --- drills --------------------------------------------------------------------------------------------------------


def test_the_last_restore_drill() -> None:
    """When it was, and how long it took; no alarm where nobody asks for one."""
    drill = run("drill", ago(days=3), item("proven", FRESH.snapshot_id, seconds=4.5))
    assert only(look(FRESH, records=(drill,))).to_json()["drill"] == {"at": ago(days=3).isoformat(), "seconds": 4.5}
    assert kinds(look(FRESH, records=(drill,), settings={"drill-days": 7, "drill-seconds": 60})) == []
    assert kinds(look(FRESH)) == []


def test_drills_that_are_not_as_asked() -> None:
    """Too long ago, never, too slow, failed."""
    drill = run("drill", ago(days=9), item("proven", FRESH.snapshot_id, seconds=90))
    status = look(FRESH, records=(drill,), settings={"drill-days": 7, "drill-seconds": 60})
    assert [alarm.sentence for alarm in status.alarms] == [
        "a restore of prod/Mail was last 9 days ago proven (objective: every 7 days)",
        "the last restore drill of prod/Mail took 90 s (objective: 60 s)",
    ]
    (never,) = look(FRESH, settings={"drill-days": 1}).alarms
    assert never.sentence == "a restore of prod/Mail was never proven (objective: every 24 h)"
    failed = run("drill", ago(days=1), item("failed", FRESH.snapshot_id, detail="no room"))
    status = look(FRESH, records=(failed, drill))
    assert (kinds(status), only(status).drill is not None) == (["drill-failed"], True)
    assert "failed: no room; mend that; `cluvault verify prod/Mail --drill RESOURCE` drills it again" in str(
        status.alarms[0]
    )


# --- models, last days ---------------------------------------------------------------------------------------------

MODELS = (
    ModelRecord(label="v1", trained_at=ago(days=300), training_config_version="2022-09-01"),
    ModelRecord(label="v2", trained_at=ago(days=200), training_config_version="2023-04-15"),
    ModelRecord(label="v3", trained_at=ago(days=10), training_config_version="2025-05-01"),
    ModelRecord(label="v0"),
)
CONFIGURATIONS = {"2022-09-01": date(2026, 1, 1), "2023-04-15": date(2026, 12, 7), "2025-05-01": date(2027, 6, 1)}


def test_last_days_from_the_snapshot_alone() -> None:
    """Of the models that serve and of the latest: that old ones are past theirs is nobody's concern."""
    served = snapshot(ago(hours=1), models=MODELS, deployments=(DeploymentRecord(name="production", model="v2"),))
    status = look(served, config_expiry=CONFIGURATIONS)
    (alarm,) = status.alarms
    assert str(alarm) == (
        "model v2 of prod/Mail has its last day on 2026-12-07, in 10 days; "
        "train it anew with a newer training configuration"
    )
    row = only(status)
    assert row.to_json()["nextExpiry"] == {"what": "model", "name": "v2", "lastDay": "2026-12-07"}
    assert (row.models, row.to_json()["models"]) == (4, 4)
    assert kinds(look(served, config_expiry=CONFIGURATIONS, settings={"expiry-days": 9})) == []
    assert only(look(config_expiry=CONFIGURATIONS)).next_expiry is None


def test_last_days_as_the_service_says_them() -> None:
    """With details the lists of the project itself count; deployments have a last day of their own."""
    detail = LiveDetail(
        (LiveModel("a", ago(days=9), date(2027, 9, 9)), LiveModel("b", ago(days=99), date(2026, 11, 25))),
        (LiveDeployment("production", "b", date(2026, 12, 1)), LiveDeployment("staging", None, None)),
    )
    status = look(FRESH, projects=(live(detail=detail),))
    assert [alarm.sentence for alarm in status.alarms] == [
        "model b of prod/Mail has its last day on 2026-11-25, 2 days ago",
        "deployment production of prod/Mail has its last day on 2026-12-01, in 4 days",
    ]
    assert [alarm.kind.value for alarm in status.alarms] == ["model-expiry", "deployment-expiry"]
    assert only(status).models == 2


def test_no_room_for_another_model() -> None:
    """The service takes ten."""
    ten = tuple(ModelRecord(label=f"v{number}") for number in range(10))
    status = look(snapshot(ago(hours=1), models=ten))
    assert (kinds(status), status.exit_code) == (["models-full"], 4)
    assert kinds(look(snapshot(ago(hours=1), models=ten[:8]), settings={"max-models": 8})) == ["models-full"]


# --- what is gone --------------------------------------------------------------------------------------------------


def test_a_project_that_vanished() -> None:
    """An alarm for a week with the way back, then only a note; nothing else is asked of what is gone."""
    old = snapshot(ago(days=3))
    missed = run("backup", ago(days=1), item("vanished", old.snapshot_id, since=ago(days=2)))
    status = look(old, records=(missed,), projects=None)
    (alarm,) = status.alarms
    assert alarm.sentence == "prod/Mail is gone from its resource since 2026-11-25"
    assert alarm.mend == f"`cluvault restore {old.reference} --to prod` brings it back"
    status = look(old, records=(missed,), projects=None, settings={"vanished-days": 1})
    assert (kinds(status), only(status).state, only(status).notes) == ([], "gone", ("gone since 2026-11-25",))
    assert only(status).to_json()["goneSince"] == ago(days=2).isoformat()


def test_a_project_that_is_not_listed_now() -> None:
    """The list of now says more than the last backup, in both directions."""
    old = snapshot(ago(hours=3))
    missed = run("backup", ago(days=1), item("vanished", old.snapshot_id, since=ago(days=2)))
    assert kinds(look(old, projects=(live(name="Else", created_at=NOW),))) == ["vanished"]
    assert kinds(look(old, records=(missed,))) == []
    broken = run("backup", ago(hours=1), item("failed", project=""))
    assert kinds(look(old, records=(broken,), projects=None)) == ["run-failed"]


@pytest.mark.parametrize("how", ["reason", "record"])
def test_a_project_that_a_clean_up_deleted(how: str) -> None:
    """That was meant: a note."""
    kept = snapshot(ago(hours=3), reason=Reason.PRE_DELETE if how == "reason" else Reason.MANUAL)
    deleted = run("cleanup", ago(hours=2), item("deleted", kept.snapshot_id), item("skipped", project="Other"))
    status = look(kept, records=(deleted,) if how == "record" else (), projects=(live(name="Else", created_at=NOW),))
    assert (status.exit_code, only_of(status, "Mail").notes) == (0, ("gone since 2026-11-27, deleted by a clean-up",))


def test_a_project_that_came_back_after_its_clean_up_and_vanished() -> None:
    """Nobody meant that; and of one without a snapshot that can be read nothing can be brought back."""
    deleted = run("cleanup", ago(hours=9), item("deleted"))
    elsewhere = (live(name="Else", created_at=NOW),)
    assert kinds(look(snapshot(ago(hours=3)), records=(deleted,), projects=elsewhere)) == ["vanished"]
    assert kinds(look(unreadable=("no manifest",), projects=elsewhere)) == ["damaged"]


def only_of(status: Status, project: str) -> Row:
    """The row of a project."""
    return next(row for row in status.rows if row.project == project)


# --- drift, runs, resources ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "outcome, detail, notes",
    [("drifted", "3 intents differ", ("drift: 3 intents differ",)), ("drifted", None, ("drift: drifted",)),
     ("equal", None, ())],
)  # fmt: skip
def test_drift_is_a_note(outcome: str, detail: str | None, notes: tuple[str, ...]) -> None:
    """Environments may differ; how, the last drift run says."""
    status = look(FRESH, records=(run("drift", ago(hours=4), item(outcome, detail=detail)),))
    assert (only(status).notes, status.exit_code) == (notes, 0)
    assert only(status).to_json()["drift"] == {"at": ago(hours=4).isoformat(), "outcome": outcome}


def test_what_is_deployed_and_not_captured_is_a_note() -> None:
    """The backup was told to capture it, and the service refused; it is said until a snapshot has it."""
    refused = ModelRecord(label="v1", not_captured="too old")
    deployed = (DeploymentRecord(name="production", model="v1"),)
    status = look(snapshot(ago(hours=1), models=(refused,), deployments=deployed))
    assert only(status).notes == ("not captured: what v1 was trained on, which is deployed",)
    assert status.exit_code == 0


def test_the_last_run_of_each_kind() -> None:
    """What failed and is not said of its project already is an alarm; an older run says nothing more."""
    typo = run("backup", ago(hours=1), item("failed", project="Mial", detail="no project"), item("unchanged"))
    older = run("copy", ago(hours=9), item("failed", detail="away"))
    newer = run("copy", ago(hours=2), item("copied"), item("copied", project="Other"))
    status = look(FRESH, records=(typo, newer, older))
    (alarm,) = status.alarms
    assert alarm.sentence == "the last backup, 2026-11-27, failed for 1 of 2: prod/Mial: no project"
    assert [(one.kind, one.failed, one.summary) for one in status.runs] == [
        ("backup", True, "1 failed, 1 unchanged"),
        ("copy", False, "2 copied"),
    ]
    assert [one.kind for one in status.recent] == ["backup", "copy", "copy"]
    assert look(FRESH, records=(run("prune", ago(hours=1)),)).runs[0].summary == "nothing to do"
    assert look(FRESH, records=(run("verify", ago(hours=1)),)).runs[0].summary == "nothing amiss"


@pytest.mark.parametrize("project", ["Mail", ""])
def test_damage_that_another_run_met(project: str) -> None:
    """A drill that found bytes that are not what they were; a verification of a record that is none: exit code 5."""
    kind = "drill" if project else "verify"
    status = look(FRESH, records=(run(kind, ago(hours=1), item("damaged", project=project, detail="1 objects")),))
    assert (kinds(status), status.exit_code) == (["damaged"], 5)


def test_only_some_runs_are_remembered_one_by_one() -> None:
    """But the last of each kind is."""
    runs = RunHistory(most_runs=1)
    for kind in ("copy", "prune"):
        runs.add(run(kind, NOW))
    assert ([one.kind for one in runs.runs], sorted(runs.last)) == (["copy"], ["copy", "prune"])


def test_a_resource_that_does_not_answer() -> None:
    """Exit code 3 when all else is fine, and the vault still tells of its projects."""
    status = look(FRESH, projects=None, problem="no connection")
    assert (kinds(status), status.exit_code, len(status.rows)) == (["unreachable"], 3, 1)
    assert status.to_json()["resources"] == [{"resource": "prod", "projects": None, "problem": "no connection"}]
    assert look(snapshot(ago(days=2)), projects=None, problem="no connection").exit_code == 4


def test_the_verification_of_the_whole_vault() -> None:
    """An objective where it is asked for."""
    whole = run("verify", ago(days=9))
    assert kinds(look(FRESH, records=(whole,))) == []
    assert kinds(look(FRESH, records=(whole,), settings={"verify-days": 10})) == []
    (alarm,) = look(FRESH, records=(whole,), settings={"verify-days": 7}).alarms
    assert alarm.sentence == "the vault was last 9 days ago verified as a whole (objective: every 7 days)"
    (alarm,) = look(FRESH, settings={"verify-days": 7}).alarms
    assert "was never verified" in alarm.sentence


def test_the_whole_for_programs() -> None:
    """Every key is there, known or not; what is not known of the world is a note."""
    status = look(FRESH, strangers=("old",), notes=("Mail: models are not known",), records=(run("copy", NOW),))
    found = status.to_json()
    assert set(found["runs"][0]) == {"kind", "runId", "startedAt", "endedAt", "summary", "failed"}
    assert found["notes"] == [
        "Mail: models are not known",
        "the vault has snapshots of resources that are not configured: old",
    ]
    assert (found["exitCode"], found["alarms"], found["at"]) == (0, [], NOW.isoformat())
    assert found["projects"][0]["counts"] == {"intents": 2, "entities": 1, "utterances": 100}
    assert look(projects=None).summary == "no projects: all fine"


def test_nobody_can_tell_whether_it_was_edited() -> None:
    """Without a time on either side, or without the resource."""
    assert only(look(FRESH)).edited is False
    assert only(look(FRESH, projects=(live(last_modified_at=None),))).edited is None
    assert only(look(snapshot(ago(hours=1), project_last_modified=None))).edited is None
    assert only(look(FRESH, projects=None)).edited is None


@pytest.mark.parametrize(
    "length, text",
    [
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=1.25), "1.2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_lengths_of_time(length: timedelta, text: str) -> None:
    """Minutes, hours, from two days on days."""
    assert span(length) == text


def test_a_name_that_a_shell_would_obey() -> None:
    """Commands to copy quote what comes from elsewhere."""
    (alarm,) = look(projects=(live(name="a; rm -rf x"),)).alarms
    assert "--project 'a; rm -rf x'`" in str(alarm)


# --- events --------------------------------------------------------------------------------------------------------


def test_events_of_what_is_overdue_and_near() -> None:
    """One for each project that is overdue, one for each with last days that are near; nothing for what is fine."""
    assert status_events(look(FRESH), run_id="r") == ()
    (never,) = status_events(look(), run_id="r")
    assert (never.name, never.subject) == ("cluvault.freshness.missed", "cluvault.project.prod/Mail")
    assert (never.payload["lastGoodAt"], never.payload["ageSeconds"]) == (None, None)
    assert (never.related, never.payload["runId"]) == ({"resource": "cluvault.resource.prod"}, "r")
    (stale,) = status_events(look(snapshot(ago(hours=30))), run_id="r")
    assert (stale.payload["ageSeconds"], stale.payload["objectiveSeconds"]) == (108_000, 93_600)
    detail = LiveDetail((LiveModel("b", None, date(2026, 12, 1)),), (LiveDeployment("live", "b", date(2026, 12, 2)),))
    (near,) = status_events(look(FRESH, projects=(live(detail=detail),)), run_id="r")
    assert status_events(look(FRESH, projects=(live(detail=detail),)), run_id="r", urgent_only=True) == ()
    assert len(status_events(look(projects=(live(detail=detail),)), run_id="r", urgent_only=True)) == 1
    assert near.name == "cluvault.expiry.near"
    assert near.payload == {
        "resource": "prod",
        "project": "Mail",
        "runId": "r",
        "detail": "model b of prod/Mail has its last day on 2026-12-01, in 4 days; "
        "deployment live of prod/Mail has its last day on 2026-12-02, in 5 days",
        "near": [
            {"what": "model", "name": "b", "lastDay": "2026-12-01", "daysLeft": 4},
            {"what": "deployment", "name": "live", "lastDay": "2026-12-02", "daysLeft": 5},
        ],
    }
