"""The emulator behind the wire: its resources, their state, clock and keys; and the Python API of tests and demos."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from cluvault.emulator.effects import finish
from cluvault.emulator.jobs import has_first_poll_to_come, new_job_id
from cluvault.emulator.limits import CallRate
from cluvault.emulator.persistence import StateFile
from cluvault.emulator.records import Deployment, Model, Snapshot
from cluvault.emulator.seed import read_seed
from cluvault.emulator.state import Change, ResourceState
from cluvault.errors import NotFound, ProjectNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.records import Job, Project

_MODEL_LIFETIME: Final = timedelta(days=180)
_DEPLOYMENT_LIFETIME: Final = timedelta(days=365)
_CONFIG_VERSION: Final = "2022-09-01"


def utc_now() -> datetime:
    """The real time."""
    return datetime.now(UTC)


class Emulator:
    """Several resources with their projects and jobs.

    Whoever reads the state to change it holds `lock` over both; the methods of the Python API do so themselves.

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
        self.clock = clock
        self.ids = ids
        self.limits = config.effective_limits()
        self.job_duration = timedelta(seconds=config.job_seconds)
        self.rates = {name: CallRate(self.limits) for name in config.resources}
        self.lock = threading.RLock()
        self._unseen: set[str] = set()
        self._file = StateFile(config.state) if config.state is not None else None
        try:
            self._states = self._open()
        except BaseException:
            self.close()
            raise

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
        """Release the state file; closing twice is harmless."""
        if self._file is not None:
            self._file.close()

    # --- state

    def state(self, resource: str, now: datetime) -> ResourceState:
        """The state of a resource at `now`, with every job that is due by then done."""
        state = self._states[resource]
        while (job := state.next_due(now)) is not None:
            self.commit({resource: finish(state, job)})
        return state

    def commit(self, changes: Mapping[str, Change]) -> None:
        """Store changes by resource, all of them or none, then make them; when storing fails nothing has changed."""
        if self._file is not None:
            self._file.save(changes)
        for resource, change in changes.items():
            self._states[resource].apply(change)

    def new_job_id(self, now: datetime) -> str:
        """An id for a job that starts now."""
        return new_job_id(self.ids(), now)

    def hide_end(self, job: Job) -> None:
        """Let the first poll of a job find it under way. Not kept over a restart: what was seen done stays done."""
        if self.config.first_poll_running and has_first_poll_to_come(job):
            self._unseen.add(job.job_id)

    def take_first_poll(self, job: Job) -> bool:
        """Whether this poll is the first of a job whose end is hidden from it."""
        if job.job_id not in self._unseen:
            return False
        self._unseen.discard(job.job_id)
        return True

    # --- Python API

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
            model_id=f"{label}-{moment:%Y%m%dT%I%M%S}-{self.ids().hex}",
            trained_at=moment,
            duration_seconds=4,
            expires=expires or (moment + _MODEL_LIFETIME).date(),
            config_version=_CONFIG_VERSION,
            snapshot=Snapshot(found.metadata, found.content) if has_snapshot else None,
        )
        others = tuple(other for other in found.models if other.label != label)
        self.commit({resource: Change(projects=(replace(found, models=(*others, model)),))})
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
        deployment = Deployment(
            name=name,
            model_id=model.model_id,
            trained_at=model.trained_at,
            deployed_at=deployed_at or self.clock(),
            expires=model.expires + _DEPLOYMENT_LIFETIME,
            config_version=model.config_version,
        )
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
