"""The seed folder: `RESOURCE/PROJECT.json`, project files of any version, put in place when an emulator is new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.emulator.errors import Refusal
from cluvault.emulator.imports import ImportRules, read_import
from cluvault.emulator.limits import is_project_name
from cluvault.emulator.records import Project
from cluvault.emulator.state import Change
from cluvault.emulator.versions import NEWEST
from cluvault.errors import CluvaultError, ConfigurationError
from cluvault.model.project_file import read_project_file
from cluvault.plan.upgrade import upgrade_project_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cluvault.emulator.config import EmulatorConfig
    from cluvault.emulator.errors import Problem

_MEND: Final = "mend the file or take it out of the seed folder"


def seed_resources(folder: Path) -> tuple[str, ...]:
    """The resources that a seed folder has projects for, by name.

    Raises:
        ConfigurationError: it is no folder.
    """
    try:
        return tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and entry.name[0] != "."))
    except OSError as err:
        raise ConfigurationError(f"{folder}: is no seed folder: {err.strerror}", mend="name a folder") from err


def read_seed(config: EmulatorConfig, *, folder: Path, now: datetime) -> dict[str, Change]:
    """The projects of a seed folder, by resource, as if they had been imported `now`; all of them or none.

    Files that do not end in `.json` are left alone.

    Raises:
        ConfigurationError: a folder that is no resource, or a file that cannot be imported; the message names it.
    """
    changes: dict[str, Change] = {}
    for resource in seed_resources(folder):
        if resource not in config.resources:
            known = ", ".join(config.resources)
            raise ConfigurationError(f"{folder / resource}: is no resource of the emulator (it has {known})")
        paths = sorted(path for path in (folder / resource).iterdir() if path.suffix == ".json")
        changes[resource] = Change(projects=tuple(_read_project(path, config, now) for path in paths))
    return changes


def _read_project(path: Path, config: EmulatorConfig, now: datetime) -> Project:
    limits = config.effective_limits()
    name = path.stem
    if not is_project_name(name, max_length=limits.project_name_length):
        raise ConfigurationError(f"{path}: no project can have the name {name!r}", mend="rename the file")
    rules = ImportRules(strict_members=config.strict_members, strict_names=False, content=limits.content)
    try:
        imported = read_import(_upgraded(path), NEWEST, name=name, rules=rules)
    except OSError as err:
        raise ConfigurationError(f"{path}: cannot be read: {err.strerror}") from err
    except CluvaultError as err:
        raise ConfigurationError(err.message, mend=err.mend or _MEND) from err
    except Refusal as refusal:
        raise ConfigurationError(f"{path}: {_sentence(refusal.problem)}", mend=_MEND) from refusal
    if imported.snapshot is None:
        raise ConfigurationError(f"{path}: {_sentence(imported.errors[0])}", mend=_MEND)
    return Project(
        metadata=imported.snapshot.metadata, content=imported.snapshot.content, created_at=now, modified_at=now
    )


def _upgraded(path: Path) -> bytes:
    file = read_project_file(path.read_bytes(), source=str(path))
    return upgrade_project_file(file, source=str(path)).file.to_bytes()


def _sentence(problem: Problem) -> str:
    found = problem.details[0] if problem.details else problem
    where = f"at {found.target}: " if found.target else ""
    return f"{where}{found.message}"
