"""Fault rules in files: TOML and JSON, and a sentence for everything that is wrong."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from cluvault.emulator.faults import FaultPlan, Rule, StatusFault
from cluvault.emulator.faults_file import parse_faults, read_faults
from cluvault.emulator.routes import OPERATIONS
from cluvault.errors import ConfigurationError

TITLES = [operation.title for operation in OPERATIONS]
TOML = """
seed = 7

[[rules]]
name = "busy"
operations = ["Export", "Import"]
resources = "prod"
probability = 0.2
effect = { kind = "status", status = 429, retry-after = 3 }
"""
EFFECTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 503, "retry-after": 0},
    {"kind": "reset"},
    {"kind": "reset", "when": "after"},
    {"kind": "slow", "seconds": 0.5},
    {"kind": "torn"},
    {"kind": "torn", "share": 0},
    {"kind": "job-fails", "code": "Timeout", "message": "m"},
    {"kind": "job-runs-on"},
    {"kind": "job-runs-on", "seconds": 3},
    {"kind": "job-partially-completed"},
    {"kind": "job-cancelled"},
    {"kind": "job-lost"},
    {"kind": "expired"},
    {"kind": "content-type"},
    {"kind": "content-type", "type": "text/plain", "keep-body": True},
    {"kind": "other-origin", "origin": "https://elsewhere.test"},
    {"kind": "other-origin", "origin": "http://[::1]:81", "link": "nextLink"},
    {"kind": "skew", "seconds": -3600},
]
WRONG: list[tuple[Any, list[str]]] = [
    ([], ["top level: should be a table"]),
    ({"rule": []}, ["rule: unknown key"]),
    ({"rules": 1}, ["rules: should be a list"]),
    ({"rules": [{}]}, ["rules[1].effect: is missing"]),
    ({"rules": [{"effect": {}}]}, ['rules[1].effect: needs a kind, as in { kind = "slow"']),
    ({"rules": [{"effect": {"kind": "slwo"}}]}, ["rules[1].effect: tag 'slwo'", "'slow'"]),
    ({"rules": [{"effect": {"kind": "slow"}}]}, ["rules[1].effect.seconds: is missing"]),
    ({"rules": [{"effect": {"kind": "status", "status": 404}}]}, ["rules[1].effect.status: should be 429, 500"]),
    ({"rules": [{"effect": {"kind": "torn", "share": 1}}]}, ["rules[1].effect.share: should be less than 1"]),
    ({"rules": [{"effect": {"kind": "other-origin", "origin": "x/"}}]}, [".origin: should be an origin such as"]),
    ({"rules": [{"effect": {"kind": "content-type", "type": "a\nb"}}]}, ["rules[1].effect.type: "]),
    (
        {"rules": [{"nth": 0, "probability": 2, "effect": {"kind": "torn"}}]},
        ["rules[1].probability: should be less than or equal to 1", "rules[1].nth[1]: should be greater than"],
    ),
    (
        {"rules": [{"name": "a", "effect": {"kind": "torn"}}] * 2},
        ["rules: two rules have the name 'a'"],
    ),
    (
        {"rules": [{"operations": ["Exprt", "*"], "effect": {"kind": "torn"}}]},
        ["rules[1].operations: no operation is called 'Exprt' (close are Export"],
    ),
    ({"rules": [{"operations": "zzzz", "effect": {"kind": "torn"}}]}, ["no operation is called 'zzzz';"]),
]


def test_a_file_is_toml_or_json(tmp_path: Path) -> None:
    """Both say the same; kebab-case as in cluvault.toml."""
    (tmp_path / "faults.toml").write_text(TOML, "utf-8")
    plan = read_faults(tmp_path / "faults.toml", operations=TITLES)
    (rule,) = plan.rules
    assert (plan.seed, rule.name, rule.operations, rule.resources) == (7, "busy", ("Export", "Import"), ("prod",))
    assert rule.effect == StatusFault(kind="status", status=429, retry_after=3)
    written = plan.model_dump_json(by_alias=True, exclude_none=True)
    (tmp_path / "faults.json").write_text(written, "utf-8")
    assert read_faults(tmp_path / "faults.json", operations=TITLES) == plan


@pytest.mark.parametrize("effect", EFFECTS, ids=str)
def test_every_effect_is_understood_and_written_as_it_was(effect: dict[str, Any]) -> None:
    """What the control API shows can be sent back to it."""
    plan = parse_faults({"rules": [{"effect": effect}]}, source="x", operations=TITLES)
    shown = json.loads(plan.model_dump_json(by_alias=True, exclude_none=True))
    assert shown["rules"][0]["effect"].items() >= effect.items()
    assert parse_faults(shown, source="x", operations=TITLES) == plan


@pytest.mark.parametrize("document, reasons", WRONG, ids=str)
def test_every_fault_of_a_document_is_named(document: object, reasons: list[str]) -> None:
    """All of them in one line that says where; rules count from 1."""
    with pytest.raises(ConfigurationError) as caught:
        parse_faults(document, source="faults.toml", operations=TITLES)
    assert str(caught.value).startswith("faults.toml: ")
    assert str(caught.value).endswith("; see the chapter Faults of docs/emulator.md")
    assert all(reason in str(caught.value) for reason in reasons), str(caught.value)


@pytest.mark.parametrize(
    "name, data, reason",
    [
        ("missing.toml", None, "cannot be read: No such file"),
        ("bad.toml", b"[", "malformed TOML"),
        ("bad.json", b"[", "malformed JSON"),
        ("bad.txt", b"\xff", "is no text in UTF-8"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str, data: bytes | None, reason: str) -> None:
    """One line with the file and the mend."""
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigurationError, match=f"{name}: {reason}"):
        read_faults(tmp_path / name, operations=TITLES)


def test_the_example_of_the_documentation_is_understood() -> None:
    """And it shows what it says: chance, every third, the first."""
    text = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text("utf-8")
    chapter = text.partition("\n## Faults\n")[2].partition("\n| member of a rule")[0]
    example = "\n".join(line[4:] for line in chapter.splitlines() if line.startswith("    "))
    plan = parse_faults(tomllib.loads(example), source="docs", operations=TITLES)
    assert [(rule.probability, rule.every, rule.nth) for rule in plan.rules] == [
        (0.2, None, ()),
        (None, 3, ()),
        (None, None, (1,)),
    ]


def test_every_effect_and_member_is_documented() -> None:
    """The tables of the chapter name them all."""
    text = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text("utf-8")
    chapter = text.partition("\n## Faults\n")[2].partition("\n## ")[0]
    members = [name for name in Rule.model_fields if name != "effect"]
    assert all(f"`{name}`" in chapter for name in [*members, *(effect["kind"] for effect in EFFECTS)])


def test_an_empty_document_is_a_plan_without_rules() -> None:
    """Nothing goes wrong."""
    assert parse_faults({}, source="x", operations=TITLES) == FaultPlan()
