"""cluvault show."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_table
from cluvault.cli.text import size, when
from cluvault.ops.catalogue import show_snapshot

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest, ModelRecord
    from cluvault.ops.catalogue import ListedSnapshot


@click.command("show", cls=Command)
@click.argument("reference", metavar="REF")
@click.pass_obj
def command(invocation: Invocation, *, reference: str) -> int:
    """Show one snapshot: what was captured, when, why, and where its bytes lie."""
    found = invocation.work(lambda workspace: show_snapshot(workspace, reference))
    if invocation.json:
        print_json(found.to_json())
        return 0
    print_table(("", ""), [*_rows(found.manifest, found.deployment), *_circumstances(found)])
    return 0


def _rows(one: Manifest, deployment: str | None) -> list[tuple[str, str]]:
    counts, content = one.counts, one.content
    digest = "SHA-256" if content.seal is None else "keyed SHA-256"
    rows = [
        ("snapshot", one.reference if deployment is None else f"{one.reference}#{deployment}"),
        ("captured", when(one.captured_at)),
        ("reason", one.reason.value),
        ("tags", ", ".join(one.tags) or "-"),
        ("endpoint", one.endpoint),
        ("api-version", one.api_version),
        ("project last modified", when(one.project_last_modified)),
        ("counts", f"{counts.intents} intents, {counts.entities} entities, {counts.utterances} utterances"),
        ("canonical digest", content.canonical_sha256),
        ("bytes as exported", f"{size(content.raw_bytes)}, {digest} {content.raw_sha256}"),
        ("bytes as stored", f"{size(content.bytes)}, SHA-256 {content.sha256}"),
        ("stored at", content.key),
        ("encrypted to", ", ".join(content.seal.recipients) if content.seal is not None else "-"),
        ("parent", one.parent or "-"),
        ("written by", f"{one.tool.name} {one.tool.version}"),
    ]
    for model in one.models:
        rows.append(("model", f"{model.label}, trained {when(model.trained_at)}"))
        rows += [("", line) for line in _captured(model)]
    rows += [
        ("service deployment", f"{deployment.name}: {deployment.model or '?'}, deployed {when(deployment.deployed_at)}")
        for deployment in one.deployments
    ]
    return rows


def _captured(model: ModelRecord) -> list[str]:
    """What is known of a deployed model besides its label."""
    lines: list[str] = []
    if model.trained_on is not None:
        counts, content = model.trained_on.counts, model.trained_on.content
        amount = f"{counts.intents} intents, {counts.entities} entities, {counts.utterances} utterances"
        lines.append(f"trained on {content.canonical_sha256[:16]}…: {amount}, stored at {content.key}")
        division = model.division
        split = "" if division is None else f", {division.kind}"
        split += "" if division is None or division.training is None else f" {division.training}/{division.testing}"
        lines.append(f"mode {model.training_mode or 'not known'}, {model.training_config_version or '?'}{split}")
    intents = (model.evaluation or {}).get("intentsEvaluation")
    if isinstance(intents, dict):
        figures = cast("dict[str, object]", intents)
        lines.append(f"intents: micro F1 {figures.get('microF1')}, macro F1 {figures.get('macroF1')}")
    if model.not_captured is not None:
        lines.append(f"not captured: {model.not_captured}")
    return lines


def _circumstances(found: ListedSnapshot) -> list[tuple[str, str]]:
    rows = [("held", f"since {when(one.hold.held_at)} by {one.hold.by}: {one.hold.reason}") for one in found.holds]
    if found.gone_since is not None:
        rows.append(("project", f"gone from {found.manifest.resource} since {found.gone_since:%Y-%m-%d}"))
    return rows
