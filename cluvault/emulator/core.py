"""The emulator behind the wire: its resources, their state, clock and keys; and the Python API of tests and demos."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from cluvault.emulator.access import Access
from cluvault.emulator.clock import Clock
from cluvault.emulator.deployments import deployment_of
from cluvault.emulator.effects import finish
from cluvault.emulator.faults_engine import Faults
from cluvault.emulator.jobs import has_first_poll_to_come, new_job_id
from cluvault.emulator.limits import CallRate
from cluvault.emulator.persistence import StateFile
from cluvault.emulator.records import Model, Snapshot
from cluvault.emulator.request_log import RequestLog
from cluvault.emulator.roles import Role
from cluvault.emulator.seed import read_seed
from cluvault.emulator.state import Change, ResourceState
from cluvault.emulator.teacher import Teacher
from cluvault.emulator.training import model_id, with_model
from cluvault.emulator.training_configs import LATEST
from cluvault.errors import NotFound, ProjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import date

    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.records import Deployment, Job, Project


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class Emulator:
    """Several resources with their projects and jobs.

    Whoever reads the state to change it holds `lock` over both; the methods of the Python API do so themselves.
    `clock` can be stopped and moved, `faults` take a plan of what goes wrong, `requests` has the last ones.

    Args:
        config: How it behaves.
        clock: The time in UTC.
        ids: Source of unique ids.

    Raises:
        ConfigurationError: the state file or the seed folder cannot be used.
    """

    def __init__(
        self,
        config: EmulatorConfig,
        *,
        clock: Callable[[], datetime] = utc_now,
        ids: Callable[[], uuid.UUID] = uuid.uuid4,
    ) -> None:
        self.config = config
        self.clock = Clock(clock)
        self.ids = ids
        self.faults = Faults(config.faults)
        self.requests = RequestLog()
        self.limits = config.effective_limits()
        self.job_duration = timedelta(seconds=config.job_seconds)
        self.training_duration = timedelta(
            seconds=config.job_seconds if config.training_seconds is None else config.training_seconds
        )
        self.teacher = Teacher()
        self.access = Access(config)
        self.rates = {name: CallRate(self.limits) for name in config.resources}
        self.lock = threading.RLock()
        self._unseen: set[str] = set()
        self._file = StateFile(config.state) if config.state is not None else None
        try:
            self._states = self._open()
        except BaseException:
            self.close()
            raise
        for state in self._states.values():
            self._teach(state.unfinished())

    def _open(self) -> dict[str, ResourceState]:
        states = {name: ResourceState() for name in self.config.resources}
        if self._file is not None and not self._file.is_new:
            return states | self._file.load()
        seed = self.config.seed
        seeds = read_seed(self.config, folder=seed, now=self.clock()) if seed is not None else {}
        if self._file is not None:
            self._file.initialise(seeds)
        for name, change in seeds.items():
            states[name].apply(change)
        return states

    def close(self) -> None:
        """Wait for the model that is being fitted, and release the state file; closing twice is harmless."""
        self.teacher.close()
        if self._file is not None:
            self._file.close()

    # --- state

    def state(self, resource: str, now: datetime) -> ResourceState:
        """The state of a resource at `now`."""
        return self.states(now)[resource]

    def states(self, now: datetime) -> Mapping[str, ResourceState]:
        """The states of all resources at `now`, with every job of any that is due by then done, in their order."""
        waiting: set[str] = set()
        while (due := self._next_due(now, but=waiting)) is not None:
            resource, job = due
            ended = self.teacher.end(job, now)
            if ended is None:
                waiting.add(job.job_id)
            else:
                self.commit(finish(self._states, resource, ended))
        return self._states

    def _next_due(self, now: datetime, *, but: Collection[str]) -> tuple[str, Job] | None:
        found = ((name, job) for name, state in self._states.items() if (job := state.next_due(now, but=but)))
        return min(found, key=lambda item: item[1].due_at, default=None)

    def commit(self, changes: Mapping[str, Change]) -> None:
        """Store changes by resource, all of them or none, then make them; when storing fails nothing has changed."""
        if self._file is not None:
            self._file.save(changes)
        for resource, change in changes.items():
            self._states[resource].apply(change)
            self._teach(change.jobs, forget=change.removed_jobs)

    def _teach(self, jobs: Iterable[Job], *, forget: Iterable[str] = ()) -> None:
        for job in jobs:
            if job.finished:
                self.teacher.forget(job.job_id)
            else:
                self.teacher.begin(job)
        for job_id in forget:
            self.teacher.forget(job_id)

    def new_job_id(self, now: datetime) -> str:
        """An id for a job that starts now."""
        return new_job_id(self.ids(), now)

    def hide_end(self, job: Job) -> None:
        """Let the first poll of a job find it under way. Not kept over a restart: what was seen done stays done."""
        if self.config.first_poll_running and has_first_poll_to_come(job):
            self._unseen.add(job.job_id)

    def take_first_poll(self, job: Job) -> bool:
        """Whether this poll is the first of a job whose end is hidden from it."""
        if not self.has_hidden_end(job):
            return False
        self._unseen.discard(job.job_id)
        return True

    def has_hidden_end(self, job: Job) -> bool:
        """Whether the first poll of a job is still to come that is to find it under way."""
        return job.job_id in self._unseen

    # --- Python API

    def regenerate_key(self, resource: str, which: Literal[1, 2]) -> str:
        """Give a resource a fresh key in the place of its first or second, which is refused from now on.

        Raises:
            ConfigurationError: no such resource, or it has no such key.
        """
        key = self.ids().hex
        self.access.replace_key(resource, which, key)
        return key

    def mint_token(
        self,
        *,
        role: Role | None = Role.OWNER,
        lifetime: timedelta = timedelta(hours=1),
        audience: str | None = None,
    ) -> str:
        """A bearer token that begins to hold now; another audience than the emulator's own makes one that is refused.

        Args:
            role: What its bearer may do, on all resources; nothing when None.
            lifetime: How long it holds; a negative one makes a token that has expired.
            audience: For whom it is made.
        """
        made_for = audience or self.config.audience
        return self.access.issuer.mint(now=self.clock(), lifetime=lifetime, role=role, audience=made_for)

    def project(self, resource: str, name: str) -> Project:
        """A project as it is now.

        Raises:
            ProjectNotFound: the resource has no such project.
        """
        found = self.state(resource, self.clock()).projects.get(name)
        if found is None:
            raise ProjectNotFound(f"the emulator's resource {resource!r} has no project {name!r}")
        return found

    def add_model(
        self,
        resource: str,
        project: str,
        label: str,
        *,
        trained_at: datetime | None = None,
        has_snapshot: bool = True,
        expires: date | None = None,
    ) -> Model:
        """Give a project a trained model of its working copy; one of the same label is replaced.

        Raises:
            ProjectNotFound: the resource has no such project.
        """
        found = self.project(resource, project)
        moment = trained_at or self.clock()
        model = Model(
            label=label,
            model_id=model_id(label, trained_at=moment, unique=self.ids().hex),
            trained_at=moment,
            duration_seconds=4,
            expires=expires or LATEST.expires(moment),
            config_version=LATEST.name,
            snapshot=Snapshot(found.metadata, found.content) if has_snapshot else None,
        )
        self.commit({resource: Change(projects=(with_model(found, model),))})
        return model

    def add_deployment(
        self, resource: str, project: str, name: str, *, model_label: str, deployed_at: datetime | None = None
    ) -> Deployment:
        """Deploy one of a project's models; a deployment of the same name is replaced.

        Raises:
            ProjectNotFound: the resource has no such project.
            NotFound: the project has no such model.
        """
        found = self.project(resource, project)
        model = next((model for model in found.models if model.label == model_label), None)
        if model is None:
            raise NotFound(f"project {project!r} has no model {model_label!r}", mend="add the model first")
        deployment = deployment_of(model, name=name, deployed_at=deployed_at or self.clock())
        others = tuple(other for other in found.deployments if other.name != name)
        self.commit({resource: Change(projects=(replace(found, deployments=(*others, deployment)),))})
        return deployment

    def backdate(self, resource: str, project: str, *, created_at: datetime, modified_at: datetime) -> None:
        """Make a project as old as a test or demo needs it.

        Raises:
            ProjectNotFound: the resource has no such project.
        """
        found = self.project(resource, project)
        self.commit({resource: Change(projects=(replace(found, created_at=created_at, modified_at=modified_at),))})
