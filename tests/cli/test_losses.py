"""Commands where something is lost: older api-versions and LUIS applications. Everything is listed before and after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.server import EmulatorServer
from tests.conftest import SAMPLES_FOLDER
from tests.support.desk import CONFIGURATION, KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.support.desk import Desk

LUIS = str(SAMPLES_FOLDER / "luis-pizza.json")


@pytest.fixture
def old(desk: Desk, sample: Callable[[str], bytes]) -> Generator[Desk]:
    """Resources that answer the oldest version alone; a file with a description, one with a regular expression too."""
    document: dict[str, Any] = json.loads(sample("pizza-small"))
    document["assets"]["intents"][0]["description"] = "to cancel"
    (desk.folder / "described.json").write_text(json.dumps(document), "utf-8")
    document["assets"]["entities"][0]["regex"] = {"expressions": [{"regexKey": "a", "regexPattern": "[a-z]"}]}
    (desk.folder / "regex.json").write_text(json.dumps(document), "utf-8")
    config = EmulatorConfig(
        resources=("dev", "prod"), keys=(KEY,), first_poll_running=False, api_versions=("2022-05-01",)
    )
    with EmulatorServer(config) as server:
        desk.configure(CONFIGURATION.format(url=server.url))
        yield desk


DESCRIPTION = (
    "  lost: /assets/intents/0/description: description of the intent 'CancelOrder' is not known to "
    "api-version 2022-05-01"
)
REGEX = (
    "  lost: /assets/entities/0/regex: regex of the entity 'FullPizzaWithModifiers.PizzaType' is not known to "
    "api-version 2022-05-01"
)


def test_restore_lists_what_is_lost(old: Desk) -> None:
    """In the plan, and again when it is done."""
    plan, lost, done, again = old.done("restore", "./described.json", "--to", "prod/Pizza").out.splitlines()
    assert plan == "plan: create prod/Pizza from ./described.json"
    assert (lost, again) == (DESCRIPTION, DESCRIPTION)
    assert "exported again, it means the same but for these losses: " in done


def test_restore_refuses_to_lose_what_is_trained(old: Desk) -> None:
    """After the plan with its losses, the gravest first: exit code 4, one line, nothing is changed."""
    outcome = old("restore", "./regex.json", "--to", "prod/Pizza")
    assert (outcome.code, outcome.out.splitlines()[1:]) == (4, [REGEX, DESCRIPTION])
    assert outcome.error.endswith("--dry-run lists all that would be lost; add --allow-loss to accept it")
    assert old("projects", "prod", "--json").json == []
    report = old.done("restore", "./regex.json", "--to", "prod/Pizza", "--allow-loss", "--json").json
    assert [loss["needsLeave"] for loss in report["losses"]] == [False, True]


def test_create_asks_as_well(old: Desk) -> None:
    """The same option; what was lost is listed."""
    assert old("create", "dev/Pizza", "--seed", "./regex.json").code == 4
    lines = old.done("create", "dev/Pizza", "--seed", "./regex.json", "--allow-loss").out.splitlines()
    assert REGEX in lines
    assert DESCRIPTION in lines


def test_a_dry_run_changes_nothing(old: Desk) -> None:
    """It shows the plan with all losses, also where a restore would be refused, and reads nothing but the target."""
    lines = old.done("restore", "./regex.json", "--to", "prod/Pizza", "--dry-run").out.splitlines()
    assert lines[1:] == [REGEX, DESCRIPTION, "dry run: nothing was changed"]
    plan = old.done("restore", "./regex.json", "--to", "prod/Pizza", "--dry-run", "--json").json
    assert (plan["project"], plan["apiVersion"], len(plan["losses"])) == ("Pizza", "2022-05-01", 2)
    assert not old.vault.exists()


def test_of_many_losses_a_screen_full_is_shown(old: Desk, sample: Callable[[str], bytes]) -> None:
    """The rest is counted; programs get all."""
    document: dict[str, Any] = json.loads(sample("chitchat-large"))
    for intent in document["assets"]["intents"]:
        intent["description"] = "chat"
    (old.folder / "many.json").write_text(json.dumps(document), "utf-8")
    lines = old.done("restore", "./many.json", "--to", "prod/Many", "--dry-run").out.splitlines()
    assert len(lines) == 43
    assert lines[-2] == "  and 50 more losses (--json lists all)"


def test_restore_of_a_luis_application(desk: Desk) -> None:
    """The service migrates it; its warnings and the losses that were foreseen stand side by side."""
    out = desk.done("restore", LUIS, "--to", "prod").out
    lines = out.splitlines()
    assert lines[:3] == [
        f"plan: create prod/MicrosoftPizzaSmall from {LUIS}",
        "  note: a LUIS app: the service migrates it",
        "  lost: /phraselists: 9 phrase lists",
    ]
    assert any(
        line.startswith("the service warns: ") and "phrase lists are not transferred (9)" in line for line in lines
    )
    assert "means the same but for these losses" in out
    assert out.count("lost: /phraselists: 9 phrase lists") == 2
    assert desk.projects("prod") == {"MicrosoftPizzaSmall"}


def test_a_luis_application_replaces_only_what_it_is_told_to(desk: Desk) -> None:
    """As with any file: the project that stands there is kept first, and named."""
    assert desk("restore", LUIS, "--to", "dev/Mail").code == 1
    outcome = desk.done("restore", LUIS, "--to", "dev/Mail", "--if-exists", "replace")
    safety = outcome.out.splitlines()[-1].removeprefix("what stood there before: ")
    assert desk.done("show", safety, "--json").json["reason"] == "safety"
