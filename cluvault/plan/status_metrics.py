"""The status as Prometheus reads it: text format 0.0.4; pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Final

from cluvault.plan.status_alarm import AlarmKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cluvault.plan.status import Row, Status

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class _Gauge:
    """One metric with its samples."""

    name: str
    text: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list["tuple[Mapping[str, str], float]"])

    def add(self, value: float | None, **labels: str) -> None:
        """A sample; nothing for what is not known."""
        if value is not None:
            self.samples.append((labels, value))

    def lines(self) -> Iterator[str]:
        """As text, with its help and type, all samples together as the format asks."""
        if self.samples:
            yield f"# HELP {self.name} {_help(self.text)}"
            yield f"# TYPE {self.name} gauge"
        for labels, value in self.samples:
            inside = ",".join(f'{name}="{_label(text)}"' for name, text in labels.items())
            yield f"{self.name}{{{inside}}} {value:.17g}" if inside else f"{self.name} {value:.17g}"


def status_to_metrics(status: Status) -> str:
    """Every figure of the status. Moments are seconds since 1970, as Prometheus's own functions expect."""
    gauges = [*_project_gauges(status.rows), *_general_gauges(status)]
    return "".join(f"{line}\n" for gauge in gauges for line in gauge.lines())


def _project_gauges(rows: tuple[Row, ...]) -> list[_Gauge]:
    good = _Gauge("cluvault_project_last_good_timestamp_seconds", "When a backup last had the project, undamaged.")
    objective = _Gauge("cluvault_project_freshness_objective_seconds", "How old the last good backup may be.")
    snapshots = _Gauge("cluvault_project_snapshots", "Snapshots in the vault.")
    intents = _Gauge("cluvault_project_intents", "Intents in the latest snapshot.")
    entities = _Gauge("cluvault_project_entities", "Entities in the latest snapshot.")
    utterances = _Gauge("cluvault_project_utterances", "Utterances in the latest snapshot.")
    edited = _Gauge("cluvault_project_edited", "1 when the project was edited since its latest snapshot.")
    drilled = _Gauge("cluvault_project_drill_timestamp_seconds", "When a restore drill last proved the project.")
    seconds = _Gauge("cluvault_project_drill_seconds", "How long that restore drill took: the measured recovery time.")
    models = _Gauge("cluvault_project_models", "Trained models; the service takes ten.")
    expiry = _Gauge("cluvault_project_expiry_timestamp_seconds", "The nearest last day of a model or deployment.")
    alarms = _Gauge("cluvault_project_alarms", "Alarms of the project.")
    for row in rows:
        labels = {"resource": row.resource, "project": row.project}
        good.add(_seconds(row.last_good), **labels)
        objective.add(row.objective.total_seconds(), **labels)
        snapshots.add(row.snapshots, **labels)
        if row.counts is not None:
            intents.add(row.counts.intents, **labels)
            entities.add(row.counts.entities, **labels)
            utterances.add(row.counts.utterances, **labels)
        edited.add(None if row.edited is None else float(row.edited), **labels)
        if row.drill is not None:
            drilled.add(_seconds(row.drill.at), **labels)
            seconds.add(row.drill.item.seconds, **labels)
        models.add(row.models, **labels)
        if row.next_expiry is not None:
            last_day = datetime.combine(row.next_expiry.last_day, time(), UTC)
            expiry.add(_seconds(last_day), **labels, what=row.next_expiry.what)
        alarms.add(len(row.alarms), **labels)
    return [
        good, objective, snapshots, intents, entities, utterances, edited, drilled, seconds, models, expiry, alarms,
    ]  # fmt: skip


def _general_gauges(status: Status) -> list[_Gauge]:
    alarms = _Gauge("cluvault_alarms", "Alarms of each kind.")
    counts = Counter(alarm.kind for alarm in status.alarms)
    for kind in AlarmKind:
        alarms.add(counts[kind], kind=kind.value)
    up = _Gauge("cluvault_resource_up", "1 when the resource answered, 0 when not.")
    for one in status.resources:
        if one.projects is not None or one.problem:
            up.add(float(not one.problem), resource=one.name)
    ended = _Gauge("cluvault_run_last_timestamp_seconds", "When the last run of a kind ended.")
    failed = _Gauge("cluvault_run_last_failed", "1 when the last run of a kind failed, in part at least.")
    for run in status.runs:
        ended.add(_seconds(run.ended_at), kind=run.kind)
        failed.add(float(run.failed), kind=run.kind)
    verified = _Gauge("cluvault_vault_verified_timestamp_seconds", "When the whole vault was last verified.")
    verified.add(_seconds(status.verified_at))
    made = _Gauge("cluvault_status_timestamp_seconds", "As of when these figures are.")
    made.add(_seconds(status.at))
    return [alarms, up, ended, failed, verified, made]


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment is not None else None


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _label(text: str) -> str:
    """Names of strangers: what would end the label is escaped, what is no text becomes a sign for it."""
    encodable = text.encode("utf-8", "replace").decode()
    return encodable.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"").replace("\r", " ")
