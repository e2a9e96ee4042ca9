"""The demo of promotion: one that serves better answers, and one that would serve worse ones and is undone."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from cluvault.cli.demo.folder import make_folder
from cluvault.cli.demo.stage import Headlines, run_flow
from cluvault.cli.promotions import print_history, print_plan, print_promotion
from cluvault.cli.render import print_table, say
from cluvault.model.json_text import read_json, write_json
from cluvault.model.manifest import Reason
from cluvault.ops.capture import export_capture
from cluvault.ops.promotion_planning import PromoteOptions, plan_promotion
from cluvault.ops.promotion_report import PromotionRefused
from cluvault.ops.promotions import list_promotions
from cluvault.ops.sources import fetch_source
from cluvault.service.calls.training import Split, Training

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cluvault.ops.workspace import Workspace

_STEPS: Final = 6
_PATIENCE: Final = 120.0
PROJECT: Final = "MailDemo"
_TARGET: Final = f"prod/{PROJECT}"
_INTENTS: Final = ("Cancel", "Delete", "CheckMessages", "Forward")
_LANGUAGE: Final = "en-us"
_NEW: Final = "Archive"
_PLACES: Final = ("anna", "the bank", "my holidays", "invoices", "receipts", "the project", "my family", "last year")
_TEXTS: Final = ("cancel that please", "delete all emails from tom", "archive the mail from tom", "any new emails?")
_QUESTION_COLUMNS: Final = ("asked of production", "before", "now")
_ROUTE: Final = """
[routes.dev-to-prod]
source = "dev"
target = "prod"
gate = { min-intent-f1 = 0.75, intents = { Cancel = 0.7, Delete = 0.6 }, max-regression = 0.05 }
"""
_OPTIONS: Final = PromoteOptions(project=PROJECT, route="dev-to-prod", apply=True)


class PromotionStory:
    """Six steps."""

    flow = "promote"
    next = """
The records of both promotions are in {folder}/vault/promotions: plain files.
Look at them:
  cd {folder}
  cluvault promotions
  cluvault snapshots
Play with everything (emulator, vault, Prefect UI with plans, verdicts and differences) until Ctrl-C:
  cluvault demo promote --keep-running
For a real Azure resource: README.md, "Configuration"."""
    running = (
        f"cluvault promote {PROJECT} --route dev-to-prod",
        f"cluvault rollback {PROJECT} --route dev-to-prod --apply",
    )

    def prepare(self, folder: Path, *, port: int) -> None:
        """The same small project in both resources: a few intents of a real one."""
        make_folder(folder, port=port, more=_ROUTE, seeds={})
        for resource in ("dev", "prod"):
            target = folder / "seed" / resource / f"{PROJECT}.json"
            target.parent.mkdir(parents=True)
            target.write_bytes(_small_project())

    async def tell(self, workspace: Workspace, folder: Path) -> None:  # noqa: ARG002  # other stories need it
        """From a model that serves to a better one, and past a worse one."""
        headline = Headlines(_STEPS)
        headline(f"{_TARGET} serves a model; what does it answer?")
        await train_by_hand(workspace)
        first = await _answers(workspace)
        print_table(("asked of production", "answer"), list(first.items()))

        headline(f"dev/{PROJECT} gets better: a new intent {_NEW}")
        await edit(workspace, add_intent)
        print_plan(await plan_promotion(workspace, _OPTIONS))

        headline("promote it: keep what is there, import, prove, train, measure, judge, swap, probe")
        print_promotion(await run_flow("promote", _OPTIONS))
        better = await _answers(workspace)
        print_table(_QUESTION_COLUMNS, [(text, first[text], better[text]) for text in _TEXTS])

        headline(f"dev/{PROJECT} gets worse: most of Cancel is labelled Delete by mistake")
        before = await _digest(workspace)
        await edit(workspace, _mislabel)
        say("done, as a tired labeller would")

        headline("promote that: the gate refuses it, and it is undone")
        try:
            report = await run_flow("promote", _OPTIONS)
        except PromotionRefused as refused:
            report = refused.report
        print_promotion(report)

        headline(f"{_TARGET} is as it was, and served its model all the while")
        last = await _answers(workspace)
        print_table(_QUESTION_COLUMNS, [(text, better[text], last[text]) for text in _TEXTS])
        now = await _digest(workspace)
        say(f"content before {before[:16]}…, after {now[:16]}…: {'the same' if before == now else 'ANOTHER'}")
        print_history(await list_promotions(workspace), {})


def _small_project() -> bytes:
    """A few intents of the sample, without its entities: it trains in a moment."""
    document: Any = read_json((files("cluvault.samples") / "emailapp-demo.json").read_bytes(), source="sample")
    document["metadata"]["projectName"] = PROJECT
    assets = document["assets"]
    assets["intents"] = [one for one in assets["intents"] if one["category"] in (*_INTENTS, "None")]
    assets["entities"] = []
    assets["utterances"] = [one | {"entities": []} for one in assets["utterances"] if one["intent"] in _INTENTS]
    return write_json(document)


async def train_by_hand(workspace: Workspace) -> None:
    """As somebody did in the portal, before there was cluvault."""
    client = await workspace.client("prod")
    handle = await client.begin_train(PROJECT, Training(label="by-hand", division=Split(80, 20)))
    await client.wait(handle, timeout=_PATIENCE)
    handle = await client.begin_deploy(PROJECT, deployment="production", label="by-hand")
    await client.wait(handle, timeout=_PATIENCE)


async def _answers(workspace: Workspace) -> dict[str, str]:
    """What production says, by the prediction API."""
    client = await workspace.client("prod")
    found = [await client.predict(PROJECT, deployment="production", text=text) for text in _TEXTS]
    best = [max(one.intents, key=lambda intent: intent.confidence) for one in found]
    return {text: f"{one.category} ({one.confidence:.2f})" for text, one in zip(_TEXTS, best, strict=True)}


async def _digest(workspace: Workspace) -> str:
    return (await export_capture(workspace, "prod", PROJECT, reason=Reason.MANUAL)).canonical_sha256


async def edit(workspace: Workspace, change: Callable[[Any], None]) -> None:
    """Change the live project of dev the way a labeller does; the import is the service's own."""
    client = await workspace.client("dev")
    exported = await client.export_project(PROJECT)
    document: Any = (await fetch_source(workspace, f"live:dev/{PROJECT}")).read().document
    change(document["assets"])
    await client.import_project(PROJECT, write_json(document), api_version=exported.api_version)


def add_intent(assets: Any) -> None:
    """What makes it better."""
    assets["intents"].append({"category": _NEW})
    assets["utterances"] += [
        {"text": pattern.format(place), "intent": _NEW, "language": _LANGUAGE, "entities": []}
        for place in _PLACES
        for pattern in ("archive the mail from {}", "move all messages about {} to the archive", "please archive {}")
    ]


def _mislabel(assets: Any) -> None:
    for number, utterance in enumerate(one for one in assets["utterances"] if one["intent"] == "Cancel"):
        if number % 4:
            utterance["intent"] = "Delete"
