"""prune: remove the snapshots that no rule keeps, and later the contents that nothing refers to any more."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from cluvault.errors import CluvaultError, ConfigurationError, DamagedRecord, SnapshotNotFound
from cluvault.model.run import Outcome, RunItem
from cluvault.ops.catalogue import place_of
from cluvault.ops.fanout import at_once, failed_item, ignore
from cluvault.ops.report import Report, finish_run
from cluvault.ops.steps import Runner, run_directly
from cluvault.plan.keys import parse_manifest_key
from cluvault.plan.protection import UnreadablePromotion, promised_by, snapshot_named
from cluvault.plan.prune import PUT_BACK, ProjectPrune, PruneRules, plan_prune, to_put_back
from cluvault.plan.retention import read_policy, read_vanished_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cluvault.errors import VaultError
    from cluvault.model.json_text import JsonObject
    from cluvault.ops.workspace import Workspace
    from cluvault.plan.history import History
    from cluvault.plan.keys import PromotionKey, SnapshotKey
    from cluvault.plan.prune import Recorded
    from cluvault.vault.removal import Pruned
    from cluvault.vault.vault import Vault

_log: Final = logging.getLogger("cluvault.prune")
_AT_ONCE: Final = 4
"""Projects at once; each reads its manifests many at once."""


class PruneOptions(BaseModel):
    """Which snapshots to look at, and whether to act."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    places: tuple[str, ...] = Field(default=(), description="RESOURCE or RESOURCE/PROJECT; none means the whole vault.")
    apply: bool = Field(default=False, description="Without it the plan is shown and nothing is removed.")
    policy_required: bool = Field(
        default=True, description="Without a retention policy: fail. Else nothing is looked at, and the log says so."
    )
    drop_damaged: bool = Field(default=False, description="Remove snapshots whose content is missing or cut short.")


@dataclass(frozen=True, slots=True, order=True)
class VaultProject:
    """A project that the vault has snapshots of; `gone_since` when a backup first missed it in its resource."""

    resource: str
    project: str
    gone_since: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PruneReport:
    """The plan for every project, and what was done of it; `run` is None when nothing was to be done."""

    plans: tuple[ProjectPrune, ...]
    run: Report | None

    @property
    def damaged(self) -> tuple[RunItem, ...]:
        """The promotions that cannot be read, and for which more is kept than the policy says."""
        return _doubtful(self.plans)

    @property
    def exit_code(self) -> int:
        """The run's; without one 5 when damage was found."""
        if self.run is not None:
            return self.run.exit_code
        return DamagedRecord.exit_code if self.damaged else 0

    def to_json(self) -> JsonObject:
        """The plan and what was done of it, for programs."""
        run = self.run.to_json() if self.run is not None else None
        damaged = [{"promotion": f"{one.resource}/{one.project}", "problem": one.detail} for one in self.damaged]
        return {"projects": [plan.to_dict() for plan in self.plans], "damaged": damaged, "run": run}


async def prune(
    workspace: Workspace,
    options: PruneOptions,
    *,
    run: Runner = run_directly,
    on_plan: Callable[[tuple[ProjectPrune, ...]], None] = lambda _plans: None,
    on_done: Callable[[RunItem], None] = ignore,
) -> PruneReport:
    """Plan, and with `apply` carry the plan out, project by project.

    Raises:
        ConfigurationError: there is no retention policy and one is required, or it says nothing.
        NotAVault: there is no vault.
    """
    started_at = workspace.now()
    if not options.policy_required and not workspace.settings.vault.retention:
        _log.warning("vault.retention is not set, so every snapshot is kept; there is nothing to prune")
        return PruneReport((), None)
    rules_of(workspace, options)
    plans = await run(plan_vault_prune, workspace, options)
    on_plan(plans)
    to_do = [plan for plan in plans if plan.has_work]
    if not options.apply or not to_do:
        return PruneReport(plans, None)

    async def one(plan: ProjectPrune) -> Sequence[RunItem]:
        try:
            items: Sequence[RunItem] = await run(prune_project, workspace, plan, options)
        except CluvaultError as err:
            items = [failed_item(plan.resource, plan.project, err)]
        for item in items:
            on_done(item)
        return items

    done = await at_once(to_do, one, concurrency=_AT_ONCE)
    resources = sorted({plan.resource for plan in to_do})
    items = [*_doubtful(plans), *(item for found in done for item in found)]
    return PruneReport(plans, await run(finish_run, workspace, "prune", started_at, resources, items))


def rules_of(workspace: Workspace, options: PruneOptions) -> PruneRules:
    """What the configuration says.

    Raises:
        ConfigurationError: there is no retention policy, or it says nothing.
    """
    settings = workspace.settings
    if not settings.vault.retention:
        raise ConfigurationError(
            "vault.retention is not set, so nothing says which snapshots may go; nothing was removed",
            mend="set it, e.g. retention = { keep-last = 3, keep-daily = 14, keep-weekly = 8, keep-monthly = 12 }",
        )
    return PruneRules(
        policy=read_policy(settings.vault.retention),
        vanished=read_vanished_policy(settings.vault.vanished),
        safety_days=settings.prune.safety_days,
        grace=timedelta(hours=settings.prune.grace_hours),
        drop_damaged=options.drop_damaged,
    )


async def plan_vault_prune(workspace: Workspace, options: PruneOptions) -> tuple[ProjectPrune, ...]:
    """The plan for every chosen project of the vault."""
    vault = await workspace.vault()
    rules = rules_of(workspace, options)
    projects = await projects_of_vault(vault, options.places)
    needs = await _needs_of_promotions(vault)

    async def one(project: VaultProject) -> ProjectPrune:
        plan, _, _ = await _look_at(vault, project, rules, needs, now=workspace.now())
        return plan

    plans = await at_once(projects, one, concurrency=_AT_ONCE)
    return tuple(plan for plan in plans if plan.verdicts or plan.unreadable or plan.has_work)


async def projects_of_vault(vault: Vault, places: Sequence[str] = ()) -> list[VaultProject]:
    """The projects that the vault has snapshots of, or those of them that are named.

    Raises:
        SnapshotNotFound: a name that fits nothing, most likely a typing error.
    """
    wanted = [place_of(place) for place in places] or [(resource, None) for resource in await vault.resources()]
    found: set[VaultProject] = set()
    for resource, project in wanted:
        known = await vault.projects(resource or "")
        names = [name for name in known if project in (None, name)]
        if places and not names:
            what = f"{resource}/{project}" if project else resource
            raise SnapshotNotFound(f"{what} is not in {vault.url}", mend="`cluvault snapshots` lists what is")
        gone = await vault.runs.vanished(resource or "")
        found.update(VaultProject(resource or "", name, gone.get(name)) for name in names)
    return sorted(found)


async def prune_project(workspace: Workspace, plan: ProjectPrune, options: PruneOptions) -> list[RunItem]:
    """Carry one project's plan out; what was held, locked, referred to or else needed in the meantime stays."""
    vault = await workspace.vault()
    rules = rules_of(workspace, options)
    gone_since = (await vault.runs.vanished(plan.resource)).get(plan.project)
    project = VaultProject(plan.resource, plan.project, gone_since)
    needs = await _needs_of_promotions(vault)
    present, history, records = await _look_at(vault, project, rules, needs, now=workspace.now())
    held = await vault.holds.of_project(plan.resource, plan.project)
    back = await vault.removal.put_back(to_put_back(history, held, records))
    done = await vault.removal.carry_out(
        present.limited_to(plan),
        history,
        records,
        run_id=workspace.new_run_id(),
        now=workspace.now(),
        grace=rules.grace,
    )
    return [*_stayed(plan, present), *_items(plan, done, back)]


def _stayed(shown: ProjectPrune, present: ProjectPrune) -> list[RunItem]:
    """Snapshots that the plan that was shown removes and the present one keeps, with the reason."""
    agreed = set(shown.removed)
    return [
        RunItem(
            resource=shown.resource,
            project=shown.project,
            outcome=Outcome.SKIPPED,
            snapshot_id=one.candidate.key.snapshot_id,
            detail=f"stays since the plan was made: {'; '.join(one.reasons)}",
        )
        for one in present.verdicts
        if one.is_kept and one.candidate.key in agreed
    ]


class _Needs(NamedTuple):
    """The snapshots that promotions need, with the reasons; and the promotions of which nobody can tell."""

    promised: Mapping[SnapshotKey, Sequence[str]]
    unreadable: tuple[UnreadablePromotion, ...]


async def _needs_of_promotions(vault: Vault) -> _Needs:
    faults: dict[PromotionKey, VaultError] = {}
    promotions = await vault.promotions.all(on_fault=faults.__setitem__)
    unreadable: list[UnreadablePromotion] = []
    for key, fault in faults.items():
        plan = await vault.promotions.plan_of(key)
        source = None if plan is None else snapshot_named(plan.source.reference)
        unreadable.append(UnreadablePromotion(key, str(fault), source))
    return _Needs(promised_by(promotions), tuple(unreadable))


async def _look_at(
    vault: Vault, project: VaultProject, rules: PruneRules, needs: _Needs, *, now: datetime
) -> tuple[ProjectPrune, History, list[Recorded]]:
    """A plan for a project, and what it was made from.

    The records are read after the snapshots: whoever removed one that is missing there wrote its record before.
    """
    history = await vault.history(project.resource, project.project)
    holds = await vault.holds.of_project(project.resource, project.project)
    records = await vault.removal.records(project.resource, project.project)
    plan = plan_prune(
        history,
        rules,
        holds=holds,
        records=records,
        gone_since=project.gone_since,
        now=now,
        promised=needs.promised,
        unreadable=needs.unreadable,
    )
    return plan, history, records


def _doubtful(plans: Sequence[ProjectPrune]) -> tuple[RunItem, ...]:
    found = sorted({one for plan in plans for one in plan.doubtful}, key=lambda one: one.key)
    return tuple(
        RunItem(
            resource=one.key.resource,
            project=one.key.project,
            outcome=Outcome.DAMAGED,
            detail=f"{one.problem}; every snapshot is kept that it may need",
        )
        for one in found
    )


def _items(plan: ProjectPrune, done: Pruned, back: Sequence[SnapshotKey]) -> list[RunItem]:
    def item(outcome: Outcome, detail: str | None, snapshot_id: str | None = None) -> RunItem:
        return RunItem(
            resource=plan.resource, project=plan.project, outcome=outcome, snapshot_id=snapshot_id, detail=detail
        )

    items = [item(Outcome.RESTORED, PUT_BACK, key.snapshot_id) for key in back]
    items += [item(Outcome.REMOVED, "no rule keeps it", key.snapshot_id) for key in done.removed]
    items += [item(Outcome.SKIPPED, "was held after the plan was made", key.snapshot_id) for key in done.held]
    items += [item(Outcome.SKIPPED, "took too long; the next run removes it", key.snapshot_id) for key in done.late]
    for key, sentence in done.locked.items():
        snapshot = parse_manifest_key(key)
        items.append(item(Outcome.LOCKED, sentence, snapshot.snapshot_id if snapshot else None))
    if done.contents:
        items.append(item(Outcome.REMOVED, f"{done.contents} unreferenced contents, {done.content_bytes} bytes"))
    return items
