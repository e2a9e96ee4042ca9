"""cluvault validate."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, say
from cluvault.errors import InvalidProjectFile
from cluvault.ops.sources import read_file
from cluvault.plan.findings import Severity
from cluvault.plan.validate import validate_bytes

if TYPE_CHECKING:
    from cluvault.plan.findings import Finding


@click.command("validate", cls=Command, vault=False)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.pass_obj
def command(invocation: Invocation, *, files: tuple[str, ...]) -> int:
    """Check project files against the service's limits and rules; every finding at once."""
    results = [_validate(path) for path in files]
    if invocation.json:
        print_json([result.to_json() for result in results])
    else:
        for result in results:
            result.show()
    return 1 if any(result.bad for result in results) else 0


class _Result:
    """One file: its findings, or why it is no project file at all."""

    def __init__(self, path: str, findings: tuple[Finding, ...], refusal: str) -> None:
        self.path, self.findings, self.refusal = path, findings, refusal
        errors = sum(finding.severity is Severity.ERROR for finding in findings)
        self.bad = bool(refusal or errors)
        self.summary = refusal or f"{path}: {errors} errors, {len(findings) - errors} warnings"

    def show(self) -> None:
        for finding in self.findings:
            style = "red" if finding.severity is Severity.ERROR else "yellow"
            say(f"{finding.severity}: {finding.pointer or '/'}: {finding.sentence}; {finding.mend}", style=style)
        say(self.summary, style="red" if self.bad else "green")

    def to_json(self) -> dict[str, Any]:
        findings = [asdict(one) for one in self.findings]
        return {"file": self.path, "valid": not self.bad, "refusal": self.refusal or None, "findings": findings}


def _validate(path: str) -> _Result:
    """Raises UsageError for a path that cannot be read: that is no judgement on a project file."""
    try:
        return _Result(path, validate_bytes(read_file(path), source=path), "")
    except InvalidProjectFile as err:
        return _Result(path, (), str(err))
