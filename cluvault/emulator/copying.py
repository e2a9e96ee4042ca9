"""Decisions about copies of projects from one resource to another. Pure; see `state.py`.

The target authorizes, the source copies: whoever has the target's token may put one project in place there, once.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cluvault.emulator.arm import resource_of
from cluvault.emulator.errors import forbidden, invalid_argument, invalid_request
from cluvault.emulator.projects import begin_job, check_free, check_kind, check_new, find_project, put_in_place
from cluvault.emulator.records import CopyAuthorization, CopyWork, ImportWork, Snapshot
from cluvault.emulator.state import Change

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from cluvault.emulator.jobs import Start
    from cluvault.emulator.limits import Limits
    from cluvault.emulator.records import Job, ProjectKind
    from cluvault.emulator.state import ResourceState

TOKEN_LIFETIME: Final = timedelta(minutes=30)


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


# --- the target ----------------------------------------------------------------------------------------------------


def authorize(
    state: ResourceState,
    name: str,
    *,
    token: str,
    kind: ProjectKind,
    overwrite: bool,
    container: str | None,
    now: datetime,
    limits: Limits,
) -> tuple[Change, CopyAuthorization]:
    """Allow whoever has the token to put a project in place, within `TOKEN_LIFETIME`.

    Raises:
        Refusal: 400 for a bad name, a project that may not be overwritten or is of another kind; 403 when the resource
            is full.
    """
    _check_place(state, name, kind, overwrite=overwrite)
    if name not in state.projects:
        check_new(state, name, limits)
    authorization = CopyAuthorization(
        token_sha256=digest_of(token),
        project=name,
        kind=kind,
        overwrite=overwrite,
        expires_at=(now + TOKEN_LIFETIME).replace(microsecond=0),
        container=container,
    )
    expired = tuple(digest for digest, found in state.authorizations.items() if found.expires_at <= now)
    return Change(authorizations=(authorization,), removed_authorizations=expired), authorization


def _check_place(state: ResourceState, name: str, kind: ProjectKind, *, overwrite: bool) -> None:
    there = state.projects.get(name)
    if there is None:
        return
    if not overwrite:
        raise invalid_request(f"The project `{name}` exists in the target resource, and overwriting is not allowed.")
    check_kind(there, kind)


# --- the source ----------------------------------------------------------------------------------------------------


def start_copy(
    states: Mapping[str, ResourceState],
    source: str,
    name: str,
    *,
    target_id: str,
    target_name: str,
    kind: ProjectKind,
    token: str,
    start: Start,
) -> tuple[dict[str, Change], Job]:
    """Begin to copy a project's working copy as it is now; this uses the token up.

    Gives:
        The changes of both resources, and the job, which is the source's.

    Raises:
        Refusal: 404 for an unknown project; 403 for a token that is unknown, used, expired or for something else; 400
            for an unknown target, a wrong kind or a project that may not be overwritten; 409 while a job holds either.
    """
    project = find_project(states[source], name)
    check_free(states[source], name, "copy")
    target = resource_of(target_id, states)
    if target is None:
        raise invalid_argument(f"The resource `{target_id}` could not be found.", target="targetResourceId")
    allowed = _authorization(states[target], token, target_name, start.now)
    for wrong in {project.metadata.kind, allowed.kind} - {kind}:
        message = f"The project kind `{kind}` and the kind `{wrong}` of the source or the authorization must match."
        raise invalid_argument(message, target="projectKind")
    if (source, name) == (target, target_name):
        raise invalid_request("A project cannot be copied onto itself.")
    check_free(states[target], target_name, "copy")
    _check_place(states[target], target_name, kind, overwrite=allowed.overwrite)
    metadata = replace(project.metadata, name=target_name, container=allowed.container or project.metadata.container)
    work = CopyWork(resource=target, snapshot=Snapshot(metadata, project.content), overwrite=allowed.overwrite)
    begun, job = begin_job(states[source], start, kind="copy", project=name, work=work)
    used = Change(removed_authorizations=(allowed.token_sha256,))
    return {target: used} | {source: begun + used if source == target else begun}, job


def _authorization(state: ResourceState, token: str, target_name: str, now: datetime) -> CopyAuthorization:
    found = state.authorizations.get(digest_of(token))
    if found is None or found.project != target_name or found.expires_at <= now:
        raise forbidden("The access token does not allow the copy: it is unknown, used, expired or for another target.")
    return found


# --- the end of the job --------------------------------------------------------------------------------------------


def arrive(states: Mapping[str, ResourceState], job: Job, work: CopyWork) -> dict[str, Change]:
    """The end of a copy: its content is the target's working copy; a new project begins.

    Raises:
        Refusal: the target has changed meanwhile so that the copy cannot be put in place.
    """
    state, name = states[work.resource], work.snapshot.metadata.name
    check_free(state, name, "copy")
    _check_place(state, name, work.snapshot.metadata.kind, overwrite=work.overwrite)
    there = replace(job, project=name)
    return {work.resource: put_in_place(state, there, ImportWork(snapshot=work.snapshot))}
