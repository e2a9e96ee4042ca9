"""cluvault create."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation, flow_option, options_of
from cluvault.cli.losses import show_losses
from cluvault.cli.render import print_json, say
from cluvault.model.run import Outcome
from cluvault.ops.create import CreateOptions, CreatePlan, CreateReport, create

if TYPE_CHECKING:
    from cluvault.ops.workspace import Workspace


@click.command("create", cls=Command)
@click.argument("target", metavar="RESOURCE/PROJECT")
@click.option("--language", help="Main language, e.g. en-us; by default the seed's.")
@click.option("--kind", type=click.Choice(["Conversation", "Orchestration"]), help="By default the seed's.")
@click.option("--multilingual/--monolingual", default=None, help="Whether other languages are allowed.")
@click.option("--description", help="What the project is for.")
@click.option("--confidence-threshold", type=float, help="0 to 1: below it the service answers None.")
@click.option("--seed", "seeds", multiple=True, metavar="FILE", help="Project file, .csv, .tsv or .jsonl; repeatable.")
@click.option("--schema", "schema_file", metavar="FILE", help="Intents and entities, YAML or JSON.")
@click.option("--allow-loss", is_flag=True, help="Go on where the target's api-version lacks what the model needs.")
@flow_option
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    target: str,
    language: str | None,
    kind: str | None,
    multilingual: bool | None,
    description: str | None,
    confidence_threshold: float | None,
    seeds: tuple[str, ...],
    schema_file: str | None,
    allow_loss: bool,
    by_flow: bool | None,
) -> int:
    """Create a project and seed it; running it again changes nothing."""
    options = options_of(
        CreateOptions,
        target=target,
        language=language,
        kind=kind,
        multilingual=multilingual,
        description=description,
        confidence_threshold=confidence_threshold,
        seeds=seeds,
        schema_file=schema_file,
        allow_loss=allow_loss,
    )

    async def directly(workspace: Workspace) -> CreateReport:
        return await create(workspace, options)

    report = invocation.act("create", options, directly, by_flow=by_flow)
    if invocation.json:
        print_json(report.to_json())
        return 0
    _show(report.plan)
    if report.outcome is Outcome.CREATED:
        say(f"created {report.plan.resource}/{report.plan.project}; exported again, it means the same: "
            f"{report.digest[:16]}…")  # fmt: skip
        say(f"next: cluvault backup {report.plan.resource} --project {report.plan.project}", style="dim")
    return 0


def _show(plan: CreatePlan) -> None:
    say(f"plan: {plan.sentence}")
    if plan.exists:
        return
    for note in plan.notes:
        say(f"  {note}", style="dim")
    show_losses(plan.losses)
    for finding in plan.findings:
        say(f"  {finding.severity}: {finding.pointer or 'file'}: {finding.sentence}", style="yellow")
