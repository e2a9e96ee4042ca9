"""cluvault show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.render import print_json, print_table
from cluvault.cli.text import size, when
from cluvault.ops.catalogue import show_snapshot

if TYPE_CHECKING:
    from cluvault.model.manifest import Manifest
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
    print_table(("", ""), [*_rows(found.manifest), *_circumstances(found)])
    return 0


def _rows(one: Manifest) -> list[tuple[str, str]]:
    counts, content = one.counts, one.content
    digest = "SHA-256" if content.seal is None else "keyed SHA-256"
    rows = [
        ("snapshot", one.reference),
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
    rows += [("model", f"{model.label}, trained {when(model.trained_at)}") for model in one.models]
    rows += [
        ("service deployment", f"{deployment.name}: {deployment.model or '?'}, deployed {when(deployment.deployed_at)}")
        for deployment in one.deployments
    ]
    return rows


def _circumstances(found: ListedSnapshot) -> list[tuple[str, str]]:
    rows = [("held", f"since {when(one.hold.held_at)} by {one.hold.by}: {one.hold.reason}") for one in found.holds]
    if found.gone_since is not None:
        rows.append(("project", f"gone from {found.manifest.resource} since {found.gone_since:%Y-%m-%d}"))
    return rows
