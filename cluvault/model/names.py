"""Names and counts that the service allows. Source: the service-limits page of Microsoft's documentation."""

from __future__ import annotations

import re
from typing import Final

from cluvault.errors import UsageError

MAX_NAME_LENGTH: Final = 50
_PROJECT_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_RESOURCE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def is_project_name(name: str, *, max_length: int = MAX_NAME_LENGTH) -> bool:
    """Whether the service's documentation allows `name` for a project.

    `.` and `..` fit the documented letters but are path segments that URL normalisation would remove.
    """
    return len(name) <= max_length and _PROJECT_NAME.fullmatch(name) is not None and name.strip(".") != ""


def check_deployment_name(name: str) -> str:
    """Return `name`, or raise UsageError: the same rules hold for the names of service deployments."""
    return check_project_name(name, kind="deployment")


def check_project_name(name: str, *, max_length: int = MAX_NAME_LENGTH, kind: str = "project") -> str:
    """Return `name`, or raise UsageError that says which rule it breaks."""
    if is_project_name(name, max_length=max_length):
        return name
    if not name:
        problem = "is empty"
    elif len(name) > max_length:
        problem = f"has {len(name)} characters, the service allows {max_length}"
    elif bad := sorted(set(re.sub(r"[A-Za-z0-9_.-]", "", name))):
        problem = f"contains {' '.join(map(repr, bad[:5]))}"
    else:
        problem = "consists of dots only"
    raise UsageError(
        f"{kind} name {shorten(name)!r} {problem}", mend=f"use letters, digits and _ . - (at most {max_length})"
    )


def check_resource_name(name: str) -> str:
    """Return `name`, or raise UsageError; the name becomes a folder of the vault."""
    if _RESOURCE_NAME.fullmatch(name) is None:
        raise UsageError(
            f"resource name {shorten(name)!r} is not usable",
            mend="start with a letter or digit, then letters, digits and _ . - (at most 63)",
        )
    return name


def shorten(text: str, limit: int = 60) -> str:
    """`text` cut to `limit` characters for a message."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


SCRATCH_PREFIX: Final = "cluvault-scratch-"
"""Projects that cluvault makes for a while (restore drills, rehearsals) start with this; nobody else's should."""


def is_scratch(project: str) -> bool:
    """Whether cluvault has made a project for a while: nothing of it is kept, compared or reported."""
    return project.startswith(SCRATCH_PREFIX)
