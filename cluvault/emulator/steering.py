"""What steers a running emulator from outside its API: back to the start, and every job to its end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cluvault.emulator.limits import CallRate
from cluvault.emulator.seed import read_seed
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from datetime import datetime

    from cluvault.emulator.core import Emulator


def reset(emulator: Emulator) -> None:
    """Put the emulator back to where it began: the seed's projects, no jobs, empty logs, true time, first faults.

    Keys that were changed stay changed.

    Raises:
        ConfigurationError: the seed folder cannot be used any more; nothing has changed then.
    """
    config = emulator.config
    with emulator.lock:
        emulator.clock.reset()
        now = emulator.clock()
        seeds = read_seed(config, folder=config.seed, now=now) if config.seed is not None else {}
        nothing = Change()
        emulator.commit({name: _emptied(emulator, name, now) + seeds.get(name, nothing) for name in config.resources})
        for name in config.resources:
            emulator.rates[name] = CallRate(emulator.limits)
        emulator.faults.use(config.faults)
        emulator.faults.injected.clear()
        emulator.requests.last.clear()


def _emptied(emulator: Emulator, resource: str, now: datetime) -> Change:
    state = emulator.state(resource, now)
    return Change(
        removed_projects=tuple(state.projects),
        removed_jobs=tuple(state.jobs),
        removed_authorizations=tuple(state.authorizations),
    )


def finish_jobs(emulator: Emulator) -> int:
    """End every job that is under way, also those that a fault holds up; gives how many that were.

    What they train is waited for, as the clock's time cannot replace that.
    """
    finished = 0
    emulator.teacher.settle()
    with emulator.lock:
        now = emulator.clock()
        for resource in emulator.config.resources:
            jobs = tuple(emulator.state(resource, now).unfinished())
            emulator.commit({resource: Change(jobs=tuple(replace(job, due_at=now) for job in jobs))})
            emulator.state(resource, now)
            finished += len(jobs)
    return finished
