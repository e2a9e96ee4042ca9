"""Reading the body of an import, from bytes to what the job will put in place; pure, and safe in another thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cluvault.emulator.content import Verdict, check_content
from cluvault.emulator.errors import invalid_argument
from cluvault.emulator.luis import convert_app
from cluvault.emulator.luis_shapes import read_app
from cluvault.emulator.parsing import read_body
from cluvault.emulator.records import Snapshot
from cluvault.emulator.rendering import content_of, metadata_of
from cluvault.emulator.shapes import project_reader

if TYPE_CHECKING:
    from cluvault.emulator.errors import Problem
    from cluvault.emulator.limits import ContentLimits
    from cluvault.emulator.records import ProjectKind
    from cluvault.emulator.versions import ApiVersion


@dataclass(frozen=True, slots=True)
class Imported:
    """An import that the service accepts.

    Attributes:
        kind: What the project will be.
        snapshot: What the job puts in place; None when the content is wrong and the job will fail.
    """

    kind: ProjectKind
    snapshot: Snapshot | None
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRules:
    """How strictly imports are read.

    Attributes:
        strict_members: Refuse unknown members; otherwise they are dropped.
        strict_names: Refuse a file that gives itself another name than the URL; otherwise the URL wins.
        content: The limits of content; None checks no content at all.
    """

    strict_members: bool
    strict_names: bool
    content: ContentLimits | None


def read_import(body: bytes, version: ApiVersion, *, name: str, rules: ImportRules) -> Imported:
    """Read a project file that is to become the project `name`.

    Raises:
        Refusal: 400, for what the service sees before it starts a job: JSON, members, types, enumerations, kinds.
    """
    document: dict[str, Any] = read_body(body, project_reader(version, strict=rules.strict_members))
    own_name: str = document["metadata"]["projectName"]
    if rules.strict_names and own_name != name:
        raise invalid_argument(
            f"The project name `{own_name}` in the file and `{name}` in the URL must match.",
            target="metadata.projectName",
        )
    return _imported(document, name=name, rules=rules)


def read_luis_import(body: bytes, version: ApiVersion, *, name: str, rules: ImportRules) -> Imported:
    """Read a LUIS application that is to become the project `name`.

    Raises:
        Refusal: 400, for a body that is no LUIS application.
    """
    conversion = convert_app(read_body(body, read_app), name=name, version=version)
    return _imported(conversion.document, name=name, rules=rules, warnings=conversion.warnings)


def _imported(
    document: dict[str, Any], *, name: str, rules: ImportRules, warnings: tuple[Problem, ...] = ()
) -> Imported:
    metadata = metadata_of(document["metadata"], name=name)
    verdict = check_content(document, rules.content) if rules.content is not None else Verdict()
    warnings = (*warnings, *verdict.warnings)
    if verdict.errors:
        return Imported(metadata.kind, None, tuple(verdict.errors), warnings)
    content = content_of(document["assets"], language=metadata.language, index_type=document["stringIndexType"])
    return Imported(metadata.kind, Snapshot(metadata, content), (), warnings)
