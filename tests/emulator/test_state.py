"""The state machine by itself: values in, changes out (no wire, no clock)."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cluvault.emulator.effects import finish
from cluvault.emulator.errors import Refusal
from cluvault.emulator.imports import Imported, ImportRules, read_import
from cluvault.emulator.jobs import status_at
from cluvault.emulator.limits import OFF, ContentLimits
from cluvault.emulator.projects import create_or_update, start_deletion, start_export, start_import
from cluvault.emulator.records import ExportWork
from cluvault.emulator.rendering import project_file as render
from cluvault.emulator.state import Change, ResourceState
from cluvault.emulator.versions import API_VERSIONS
from tests.emulator.wire import NOON, project_file

if TYPE_CHECKING:
    from cluvault.emulator.records import Job

V = API_VERSIONS["2023-04-01"]
RULES = ImportRules(strict_members=True, strict_names=False, content=ContentLimits())
PATCH = {"projectKind": "Conversation", "language": "en-us"}
_NUMBERS = itertools.count()


def imported(name: str, text: str = "hi") -> Imported:
    """An import that says one thing."""
    file = project_file(assets={"utterances": [{"text": text, "intent": "Book"}]})
    return read_import(json.dumps(file).encode(), V, name=name, rules=RULES)


def begin_import(state: ResourceState, name: str, *, at: datetime = NOON, seconds: float = 5, text: str = "hi") -> Job:
    """Decide on an import and make the change."""
    job_id = f"{name}-{next(_NUMBERS)}"
    duration = timedelta(seconds=seconds)
    change, job = start_import(state, name, imported(name, text), job_id=job_id, now=at, duration=duration, limits=OFF)
    state.apply(change)
    return job


def settle(state: ResourceState, now: datetime) -> None:
    """End every job that is due by now, one after another."""
    while (job := state.next_due(now)) is not None:
        state.apply(finish({"dev": state}, "dev", job)["dev"])


def test_a_job_that_is_brought_near_ends_once() -> None:
    """Its old time means nothing any more."""
    state = ResourceState()
    job = begin_import(state, "A")
    sooner = replace(job, due_at=NOON + timedelta(seconds=1), cancelled_at=NOON)
    state.apply(Change(jobs=(sooner,)))
    assert list(state.unfinished()) == [sooner]
    settle(state, sooner.due_at)
    assert state.next_due(NOON + timedelta(days=1)) is None
    assert not state.projects
    assert status_at(state.jobs[job.job_id], sooner.due_at, held=False) == "cancelled"


def test_deciding_changes_nothing() -> None:
    """A change is a value; the state is the same until it is applied."""
    state = ResourceState()
    change, project = create_or_update(state, "A", PATCH | {"projectName": "A"}, now=NOON, limits=OFF)
    assert state == ResourceState()
    assert change == Change(projects=(project,))
    state.apply(change)
    assert state.projects == {"A": project}


def test_nothing_is_due_before_its_time() -> None:
    """A job ends once, when the clock says so."""
    state = ResourceState()
    job = begin_import(state, "A")
    assert state.next_due(NOON + timedelta(seconds=4.999)) is None
    due = NOON + timedelta(seconds=5)
    assert state.next_due(due) == job
    settle(state, due)
    assert state.next_due(due + timedelta(days=1)) is None
    assert state.projects["A"].modified_at == due


def test_late_settling_is_as_if_it_had_been_in_time() -> None:
    """Whoever looks a day later finds the times at which the jobs were due, in their order."""
    state = ResourceState()
    begin_import(state, "B", seconds=9)
    begin_import(state, "A", seconds=3)
    settle(state, NOON + timedelta(days=1))
    assert [(project.name, project.created_at) for project in state.projects.values()] == [
        ("A", NOON + timedelta(seconds=3)),
        ("B", NOON + timedelta(seconds=9)),
    ]


def test_a_finished_import_lets_go_of_its_content() -> None:
    """Seven days of imports would otherwise stay in memory."""
    state = ResourceState()
    job = begin_import(state, "A")
    settle(state, job.due_at)
    assert state.jobs[job.job_id] == replace(job, finished=True, work=None)


def test_equal_content_is_one_content() -> None:
    """Content is known by its digest, so that importing a file again costs no room."""
    first, again, other = imported("A"), imported("B"), imported("A", "ho")
    assert first.snapshot is not None
    assert again.snapshot is not None
    assert other.snapshot is not None
    assert first.snapshot.content == again.snapshot.content
    assert first.snapshot.content.content_id != other.snapshot.content.content_id


def test_changes_add_up() -> None:
    """A sum of changes does all of them; no change is false."""
    one, two = Change(removed_jobs=("a",)), Change(removed_jobs=("b",), removed_projects=("P",))
    assert one + two == Change(removed_jobs=("a", "b"), removed_projects=("P",))
    assert one
    assert not Change()


class Resource(RuleBasedStateMachine):
    """A resource under random traffic, beside a model that is a dictionary of texts."""

    names = st.sampled_from(["A", "B", "C"])

    @initialize()
    def start(self) -> None:
        self.state = ResourceState()
        self.now = NOON
        self.count = 0
        self.content: dict[str, str] = {}
        self.coming: dict[str, tuple[datetime, str]] = {}
        self.exports: dict[str, str] = {}

    def settle(self) -> None:
        settle(self.state, self.now)
        for name, (due, text) in list(self.coming.items()):
            if due <= self.now:
                self.content[name] = text
                del self.coming[name]

    @rule(seconds=st.integers(0, 4))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.settle()

    @rule(name=names, seconds=st.integers(0, 3))
    def start_import(self, name: str, seconds: int) -> None:
        self.count += 1
        text = f"text {self.count}"
        if name in self.coming:
            with pytest.raises(Refusal, match="in use"):
                begin_import(self.state, name, at=self.now, seconds=seconds, text=text)
            return
        job = begin_import(self.state, name, at=self.now, seconds=seconds, text=text)
        self.coming[name] = (job.due_at, text)
        self.settle()

    @rule(name=names)
    def start_export(self, name: str) -> None:
        self.count += 1
        job_id = f"export-{self.count}"

        def start() -> None:
            change, _ = start_export(
                self.state, name, model_label=None, version=V.name, string_index_type="Utf16CodeUnit", job_id=job_id,
                now=self.now, duration=timedelta(seconds=2),
            )  # fmt: skip
            self.state.apply(change)

        if name not in self.content:
            with pytest.raises(Refusal, match="could not be found"):
                start()
            return
        start()
        self.exports[job_id] = self.content[name]

    @rule(name=names)
    def delete(self, name: str) -> None:
        self.count += 1
        if name not in self.content or name in self.coming:
            with pytest.raises(Refusal):
                start_deletion(self.state, name, job_id="x", now=self.now)
            return
        change, job = start_deletion(self.state, name, job_id=f"deletion-{self.count}", now=self.now)
        gone = {job.job_id for job in self.state.jobs.values() if job.project == name and job.kind == "export"}
        self.state.apply(change)
        assert job.finished
        del self.content[name]
        self.exports = {job_id: text for job_id, text in self.exports.items() if job_id not in gone}

    @invariant()
    def projects_hold_what_was_imported_last(self) -> None:
        assert self.state.projects.keys() == self.content.keys()
        assert {project.name for project in self.state.newest_first()} == self.content.keys()
        for name, text in self.content.items():
            assert text.encode() in dict(self.state.projects[name].content.parts)["utterances"]

    @invariant()
    def exports_hold_what_was_there_when_they_began(self) -> None:
        for job_id, text in self.exports.items():
            work = self.state.jobs[job_id].work
            assert isinstance(work, ExportWork)
            assert f'"text":"{text}"'.encode() in render(work, V)

    @invariant()
    def unfinished_jobs_are_those_in_the_future(self) -> None:
        for job in self.state.jobs.values():
            assert job.finished == (job.due_at <= self.now)
        unfinished = {job.job_id for job in self.state.jobs.values() if not job.finished}
        assert {job.job_id for job in self.state.unfinished()} == unfinished


TestResource = Resource.TestCase
TestResource.settings = settings(max_examples=40, stateful_step_count=25)
