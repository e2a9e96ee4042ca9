"""report: everything that a page about the whole fleet shows. Nothing is changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import Field

from cluvault.errors import CluvaultError
from cluvault.model.project_file import read_project_file
from cluvault.ops.fanout import at_once
from cluvault.ops.status import StatusOptions, survey
from cluvault.plan.canonical import canonical_form
from cluvault.plan.diff import diff_forms
from cluvault.plan.diff_report import diff_lines, summary
from cluvault.plan.status import judge_status

if TYPE_CHECKING:
    from cluvault.errors import VaultError
    from cluvault.model.manifest import Manifest
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.canonical import CanonicalForm
    from cluvault.plan.diff_report import Line
    from cluvault.plan.keys import PromotionKey
    from cluvault.plan.promotion import Promotion
    from cluvault.plan.status import Status
    from cluvault.plan.status_facts import ProjectHistory
    from cluvault.vault.vault import Vault

_AT_ONCE: Final = 2
_MOST_PROMOTIONS: Final = 50
_LARGEST: Final = 50_000_000
"""Bytes of a project file; larger ones are not compared for a page."""


class ReportOptions(StatusOptions):
    """What to look at, and how much of it to show."""

    most_changes: Annotated[int, Field(ge=0, le=1000)] = Field(
        default=25, description="Compare the last two snapshots of at most so many projects, the latest changes first."
    )
    most_lines: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=40, description="Show at most so many lines of each section of a difference."
    )


@dataclass(frozen=True, slots=True)
class Change:
    """What a project's latest snapshot says and the one before it does not, and the other way round.

    Attributes:
        problem: Why that is not known.
    """

    before: Manifest
    after: Manifest
    summary: str = ""
    lines: tuple[Line, ...] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The status, and what a person wants to look at besides.

    Attributes:
        promotions: The last ones, the newest first.
        changes: The last change of each project that has one, the newest first.
        notes: What is left out.
    """

    status: Status
    vault_url: str
    promotions: tuple[Promotion, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


async def fleet_report(workspace: Workspace, options: ReportOptions) -> FleetReport:
    """Gather it. What cannot be read of a single promotion or snapshot is said in its place.

    Raises what `cluvault.ops.status.look` does.
    """
    facts, known = await survey(workspace, options)
    status = judge_status(facts, known, settings=workspace.settings.status, now=workspace.now())
    notes = list(status.notes)
    promotions: list[Promotion] = []
    changes: list[Change] = []
    if await workspace.has_vault():
        vault = await workspace.vault()
        promotions = await _promotions(vault, notes)
        changes = await _changes(vault, list(known.histories.values()), options, notes)
    return FleetReport(status, workspace.settings.vault.url, tuple(promotions), tuple(changes), tuple(notes))


async def _promotions(vault: Vault, notes: list[str]) -> list[Promotion]:
    def on_fault(_key: PromotionKey, error: VaultError) -> None:
        notes.append(str(error))

    found = sorted(await vault.promotions.all(on_fault=on_fault), key=lambda one: one.started_at, reverse=True)
    if (left := len(found) - _MOST_PROMOTIONS) > 0:
        notes.append(f"{left} older promotions are left out; `cluvault promotions` lists them")
    return found[:_MOST_PROMOTIONS]


async def _changes(
    vault: Vault, histories: list[ProjectHistory], options: ReportOptions, notes: list[str]
) -> list[Change]:
    pairs = [
        (one.previous, one.newest)
        for one in histories
        if one.previous is not None and one.previous.content.canonical_sha256 != one.newest.content.canonical_sha256
    ]
    pairs.sort(key=lambda pair: pair[1].captured_at, reverse=True)
    if (left := len(pairs) - options.most_changes) > 0:
        notes.append(f"the changes of {left} more projects are left out; `cluvault diff` shows them")

    async def one(pair: tuple[Manifest, Manifest]) -> Change:
        return await _change(vault, *pair, most_lines=options.most_lines)

    return await at_once(pairs[: options.most_changes], one, concurrency=_AT_ONCE)


async def _change(vault: Vault, before: Manifest, after: Manifest, *, most_lines: int) -> Change:
    if max(before.content.raw_bytes, after.content.raw_bytes) > _LARGEST:
        return Change(before, after, problem="too large to be compared here")
    try:
        old, new = [await _form(vault, one) for one in (before, after)]
    except CluvaultError as err:
        return Change(before, after, problem=str(err))
    difference = await asyncio.to_thread(diff_forms, old, new)
    return Change(before, after, summary(difference), tuple(diff_lines(difference, limit=most_lines)))


async def _form(vault: Vault, manifest: Manifest) -> CanonicalForm:
    data = await vault.read(manifest)
    return await asyncio.to_thread(lambda: canonical_form(read_project_file(data, source=manifest.reference)))
