"""The state file: one SQLite database, written before each answer is sent.

A change is one transaction with full synchronisation, so a request that was answered survives a kill and a power cut,
and one that was not answered left nothing behind. The file belongs to one process at a time.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from cluvault.emulator.records import (
    Content,
    CopyAuthorization,
    Job,
    Project,
    contents_of_job,
    contents_of_project,
)
from cluvault.emulator.state import Change, ResourceState
from cluvault.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

_APPLICATION_ID: Final = 0x434C5545  # "CLUE"
_FORMAT: Final = 1
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS content (id TEXT, place INTEGER, name TEXT, part BLOB, PRIMARY KEY (id, place))",
    "CREATE TABLE IF NOT EXISTS project (resource TEXT, name TEXT, record BLOB, PRIMARY KEY (resource, name))",
    (
        "CREATE TABLE IF NOT EXISTS job "
        "(place INTEGER PRIMARY KEY, resource TEXT, id TEXT, record BLOB, UNIQUE (resource, id))"
    ),
    (
        "CREATE TABLE IF NOT EXISTS authorization "
        "(resource TEXT, digest TEXT, record BLOB, PRIMARY KEY (resource, digest))"
    ),
)


class StateFile:
    """What an emulator remembers between runs.

    Raises:
        ConfigurationError: the file is no state file, of a newer format, damaged, or in use.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=0.5, check_same_thread=False)
        except sqlite3.Error as err:
            raise ConfigurationError(f"{path}: cannot be opened: {err}", mend="choose another state file") from err
        try:
            self.is_new = self._prepare()
        except BaseException:
            self._database.close()
            raise

    def _prepare(self) -> bool:
        """Take hold of the file; say whether it is empty."""
        try:
            self._database.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=FULL;")
            self._database.execute("BEGIN EXCLUSIVE").close()
            application, found = self._pragma("application_id"), self._pragma("user_version")
            tables = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            self._database.execute("COMMIT")
            is_new = application == 0 and found == 0 and tables == 0
            if is_new or (application == _APPLICATION_ID and found == _FORMAT):
                self._database.execute("PRAGMA journal_mode=WAL").close()
                return is_new
        except sqlite3.DatabaseError as err:
            raise ConfigurationError(
                f"{self._path}: cannot be used as state of an emulator: {err}",
                mend="stop the emulator that uses it, or choose another state file",
            ) from err
        what = "was written by a newer version" if application == _APPLICATION_ID else "is another program's database"
        raise ConfigurationError(f"{self._path}: {what}", mend="choose another state file")

    def _pragma(self, name: str) -> int:
        return self._database.execute(f"PRAGMA {name}").fetchone()[0]

    def initialise(self, changes: Mapping[str, Change]) -> None:
        """Write the first state of a new file, whole or not at all."""
        with self._transaction():
            self._create_tables()
            for resource, change in changes.items():
                self._write(resource, change)
            self._database.execute(f"PRAGMA application_id={_APPLICATION_ID}")
            self._database.execute(f"PRAGMA user_version={_FORMAT}")

    def _create_tables(self) -> None:
        """Make what is missing: all of a new file, and of an old one what it did not have yet."""
        for statement in _SCHEMA:
            self._database.execute(statement)

    def save(self, changes: Mapping[str, Change]) -> None:
        """Write changes by resource; when this returns they will survive, when it raises nothing was written."""
        with self._transaction():
            for resource, change in changes.items():
                self._write(resource, change)

    def load(self) -> dict[str, ResourceState]:
        """The state as of the last change, by resource.

        Raises:
            ConfigurationError: the file is damaged.
        """
        try:
            self._create_tables()
            contents = self._contents()
            states: defaultdict[str, ResourceState] = defaultdict(ResourceState)
            for resource, change in self._records(contents):
                states[resource].apply(change)
            self._forget(contents.keys() - {content.content_id for content in _all_contents(states.values())})
        except (sqlite3.DatabaseError, ValidationError, LookupError) as err:
            reason = str(err).splitlines()[0]
            raise ConfigurationError(f"{self._path}: is damaged: {reason}", mend="choose another state file") from err
        return states

    def close(self) -> None:
        """Release the file; closing twice is harmless."""
        self._database.close()

    @contextmanager
    def _transaction(self) -> Generator[None, None, None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise

    # --- writing

    def _write(self, resource: str, change: Change) -> None:
        run = self._database.execute
        for name in change.removed_projects:
            run("DELETE FROM project WHERE resource = ? AND name = ?", (resource, name))
        for job_id in change.removed_jobs:
            run("DELETE FROM job WHERE resource = ? AND id = ?", (resource, job_id))
        for digest in change.removed_authorizations:
            run("DELETE FROM authorization WHERE resource = ? AND digest = ?", (resource, digest))
        for content in _contents_of(change):
            self._write_content(content)
        for project in change.projects:
            run(
                "INSERT OR REPLACE INTO project VALUES (?, ?, ?)",
                (resource, project.name, _projects().dump_json(project)),
            )
        for authorization in change.authorizations:
            run(
                "INSERT OR REPLACE INTO authorization VALUES (?, ?, ?)",
                (resource, authorization.token_sha256, _authorizations().dump_json(authorization)),
            )
        for job in change.jobs:  # an upsert keeps the row's place: jobs are read back in the order of their start
            run(
                "INSERT INTO job (resource, id, record) VALUES (?, ?, ?) "
                "ON CONFLICT (resource, id) DO UPDATE SET record = excluded.record",
                (resource, job.job_id, _jobs().dump_json(job)),
            )

    def _write_content(self, content: Content) -> None:
        found = self._database.execute("SELECT 1 FROM content WHERE id = ?", (content.content_id,)).fetchone()
        if found is None:
            rows = [(content.content_id, place, name, part) for place, (name, part) in enumerate(content.parts)]
            self._database.executemany("INSERT INTO content VALUES (?, ?, ?, ?)", rows)

    def _forget(self, content_ids: Iterable[str]) -> None:
        """Remove content that nothing refers to any more; done on opening, when no request waits for it."""
        with self._transaction():
            self._database.executemany(
                "DELETE FROM content WHERE id = ?", [(content_id,) for content_id in content_ids]
            )

    # --- reading

    def _contents(self) -> dict[str, Content]:
        parts: defaultdict[str, list[tuple[str, bytes]]] = defaultdict(list)
        for content_id, name, part in self._database.execute("SELECT id, name, part FROM content ORDER BY id, place"):
            parts[content_id].append((name, part))
        return {content_id: Content(content_id, tuple(found)) for content_id, found in parts.items()}

    def _records(self, contents: Mapping[str, Content]) -> Iterator[tuple[str, Change]]:
        for resource, record in self._database.execute("SELECT resource, record FROM project"):
            yield resource, Change(projects=(_projects().validate_json(record, context=contents),))
        for resource, record in self._database.execute("SELECT resource, record FROM job ORDER BY place"):
            yield resource, Change(jobs=(_jobs().validate_json(record, context=contents),))
        for resource, record in self._database.execute("SELECT resource, record FROM authorization"):
            yield resource, Change(authorizations=(_authorizations().validate_json(record),))


@cache
def _projects() -> TypeAdapter[Project]:
    return TypeAdapter(Project)


@cache
def _authorizations() -> TypeAdapter[CopyAuthorization]:
    return TypeAdapter(CopyAuthorization)


@cache
def _jobs() -> TypeAdapter[Job]:
    return TypeAdapter(Job)


def _all_contents(states: Iterable[ResourceState]) -> Iterator[Content]:
    for state in states:
        yield from _contents_of(Change(projects=tuple(state.projects.values()), jobs=tuple(state.jobs.values())))


def _contents_of(change: Change) -> Iterator[Content]:
    for project in change.projects:
        yield from contents_of_project(project)
    for job in change.jobs:
        yield from contents_of_job(job)
