"""What fails an import's job, and what only warns (contract 3.3, 4.5, 6.2, 10.8)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cluvault.emulator.limits import ContentLimits, Limits
from tests.emulator.wire import Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

NEWEST = "2025-11-15-preview"
EMPTY: dict[str, Any] = {"utterances": []}


def intents(*names: str) -> dict[str, Any]:
    """Assets with these intents and nothing else."""
    return {"intents": [{"category": name} for name in names], "utterances": []}


def entity(**members: Any) -> dict[str, Any]:
    """Assets whose entity City has these members."""
    return {"entities": [{"category": "City", **members}]}


def utterance(text: str = "fly to Paris", *labels: tuple[str, int, int], **members: Any) -> dict[str, Any]:
    """Assets with one utterance."""
    spans = [{"category": category, "offset": offset, "length": length} for category, offset, length in labels]
    return {"utterances": [{"text": text, "intent": "Book", "entities": spans} | members]}


def synonyms(count: int) -> dict[str, Any]:
    """A list component with so many synonyms."""
    return {"sublists": [{"listKey": "k", "synonyms": [{"language": "en-us", "values": ["v"] * count}]}]}


def regexes(count: int, **members: Any) -> dict[str, Any]:
    """A regex component with so many expressions."""
    return {"expressions": [{"regexKey": f"k{number}", "regexPattern": "x"} | members for number in range(count)]}


FAULTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("an intent twice", intents("A", "B", "A"), "assets.intents[2].category", "occurs more than once"),
    ("an empty name", intents(""), "assets.intents[0].category", "1 to 50 characters"),
    ("a long name", intents("x" * 51), "assets.intents[0].category", "1 to 50 characters"),
    *(
        (f"{mark} in a name", intents(f"a{mark}"), "assets.intents[0].category", "not allowed")
        for mark in ":$&%*()+~#/?"
    ),
    ("501 intents", intents(*map(str, range(501))), "assets.intents", "at most 500"),
    ("an entity twice", {"entities": [{"category": "City"}] * 2}, "assets.entities[1].category", "more than once"),
    ("351 entities", {"entities": [{"category": str(number)} for number in range(351)], "utterances": []},
     "assets.entities", "at most 350"),
    ("an unknown association", {"intents": [{"category": "Book", "associatedEntities": [{"category": "Town"}]}]},
     "assets.intents[0].associatedEntities[0]", "`Town` does not exist"),
    ("20,001 synonyms", entity(list=synonyms(20_001)), "assets.entities[0].list", "at most 20000"),
    ("a synonym's language", entity(list={"sublists": [{"synonyms": [{"language": "xx"}]}]}),
     "assets.entities[0].list.sublists[0].synonyms[0].language", "`Language` is invalid"),
    ("8 prebuilts", entity(prebuilts=[{"category": "Email"}] * 8), "assets.entities[0].prebuilts", "at most 7"),
    ("21 regexes", entity(regex=regexes(21)), "assets.entities", "at most 20"),
    ("a regex's language", entity(regex=regexes(1, language="xx")), "assets.entities[0].regex.expressions[0].language",
     "`Language` is invalid"),
    ("a required component", entity(requiredComponents=["magic"]), "assets.entities[0].requiredComponents", "`magic`"),
    ("an empty text", utterance(""), "assets.utterances[0].text", "1 to 500 characters"),
    ("a text of 501", utterance("x" * 501), "assets.utterances[0].text", "this one 501"),
    ("a text of 251 astral characters", utterance("😀" * 251), "assets.utterances[0].text", "this one 502"),
    ("an unknown intent", utterance(intent="Fly"), "assets.utterances[0].intent", "`Fly` does not exist"),
    ("an utterance's language", utterance(language="xx"), "assets.utterances[0].language", "`Language` is invalid"),
    ("an unknown entity", utterance("Paris", ("Town", 0, 5)), "assets.utterances[0].entities[0]",
     "`Town` does not exist"),
    ("a span twice", utterance("Paris", ("City", 0, 5), ("City", 0, 5)), "assets.utterances[0].entities[1]",
     "labelled more than once"),
    ("an offset below zero", utterance("Paris", ("City", -1, 5)), "assets.utterances[0].entities[0]", "covers no text"),
    ("an empty label", utterance("Paris", ("City", 0, 0)), "assets.utterances[0].entities[0]", "covers no text"),
]  # fmt: skip


@pytest.mark.parametrize("assets, target, words", [pytest.param(*fault[1:], id=fault[0]) for fault in FAULTS])
async def test_wrong_content_fails_the_job(wire: Wire, assets: dict[str, Any], target: str, words: str) -> None:
    """Contract 6.2 and 3.3: the start call accepts, the job fails, its errors say where."""
    file = project_file(assets=EMPTY | assets)
    job = await wire.put("A", file, version=NEWEST)
    assert job["status"] == "failed"
    assert [error["target"] for error in job["errors"]] == [target]
    assert words in job["errors"][0]["message"]
    assert job["errors"][0]["code"] == "InvalidArgument"
    assert (await wire.get("projects/A")).status_code == 404


async def test_a_project_language_that_is_not_supported_fails_the_job(wire: Wire) -> None:
    """Contract 4.2, 4.5: with the inner code UnsupportedLanguageCode."""
    job = await wire.put("A", project_file(metadata={"language": "tlh"}))
    assert job["status"] == "failed"
    assert job["errors"][0]["target"] == "metadata.language"
    assert job["errors"][0]["innererror"]["code"] == "UnsupportedLanguageCode"


@pytest.mark.parametrize("kind, count", [("Conversation", 50_001), ("Orchestration", 15_001)])
async def test_too_many_utterances_fail_the_job(wire: Wire, kind: str, count: int) -> None:
    """Contract 6.2."""
    assets = {"intents": [{"category": "Book"}], "utterances": [{"text": "x", "intent": "Book"}] * count}
    job = await wire.put("A", project_file(kind=kind, assets=assets))
    assert [error["target"] for error in job["errors"]] == ["assets.utterances"]


async def test_the_synonyms_of_all_entities_are_counted(make_wire: Callable[..., Wire]) -> None:
    """Contract 6.2: a limit for each entity and one for the project."""
    wire = make_wire(limits=Limits(content=ContentLimits(synonyms_per_entity=3, synonyms=5)))
    entities = [{"category": name, "list": synonyms(3)} for name in ("A", "B")]
    job = await wire.put("A", project_file(assets={"entities": entities, "utterances": []}))
    assert [error["target"] for error in job["errors"]] == ["assets.entities"]


@pytest.mark.parametrize(
    "assets",
    [
        intents("x" * 50, "a.b c-d_e!"),
        {"entities": [{"category": "Stadt"}], "utterances": []},
        entity(prebuilts=[{"category": "Media.Artist"}]),
        entity(requiredComponents=["learned", "list", "prebuilts", "regex"]),
        utterance("x" * 500),
        utterance("😀" * 250),
        utterance("Paris", ("City", 0, 5), ("City", 0, 2), ("City", 1, 4)),
        utterance(language="pt-BR"),
        utterance(dataset="Holdout"),
        entity(list={"sublists": [{"listKey": "k", "synonyms": [{"values": ["v"]}]}, {}]}, regex=regexes(20)),
        {"utterances": [{"text": "same", "intent": "Book"}] * 2},
        intents(),
    ],
)
async def test_content_at_the_limit_is_accepted(wire: Wire, assets: dict[str, Any]) -> None:
    """Contract 3.3, 6.2, 7.1: the neighbours of what is refused; overlap is not identity."""
    job = await wire.put("A", project_file(assets=EMPTY | assets))
    assert job["status"] == "succeeded"


async def test_a_label_past_the_end_only_warns(wire: Wire) -> None:
    """Public pipelines import such files into the real service; the label stays as it is."""
    job = await wire.put("A", project_file(assets=utterance("Paris", ("City", 2, 9))))
    assert job["status"] == "succeeded"
    place = "The label `City` at 2 with length 9 of `assets.utterances[0].entities[0]`"
    assert job["warnings"] == [{"code": "Warning", "message": f"{place} runs past the end of its text (5)."}]
    labels = json.loads(await wire.export("A"))["assets"]["utterances"][0]["entities"]
    assert labels == [{"category": "City", "offset": 2, "length": 9}]


@pytest.mark.parametrize("index_type, end", [("Utf16CodeUnit", 4), ("Utf8CodeUnit", 7), ("Utf32CodeUnit", 3)])  # 😀 é x
async def test_the_end_of_a_text_is_counted_in_the_files_own_units(wire: Wire, index_type: str, end: int) -> None:
    """Contract 3.3: an astral character is two UTF-16 units, four bytes of UTF-8, one character."""
    for length, warnings in ((end, 0), (end + 1, 1)):
        file = project_file(assets=utterance("😀éx", ("City", 0, length)), stringIndexType=index_type)
        job = await wire.put("A", file, version=NEWEST)
        assert job["status"] == "succeeded"
        assert len(job.get("warnings", [])) == warnings


async def test_every_fault_is_reported_up_to_a_hundred(wire: Wire) -> None:
    """A file with one fault in each of very many utterances is told often enough."""
    few = await wire.put("A", project_file(assets={"utterances": [{"text": "x", "intent": "Fly"}] * 3}))
    many = await wire.put("A", project_file(assets={"utterances": [{"text": "x", "intent": "Fly"}] * 300}))
    assert len(few["errors"]) == 3
    assert len(many["errors"]) == 100


async def test_content_may_go_unchecked(make_wire: Callable[..., Wire]) -> None:
    """Without content limits every readable file is put in place."""
    wire = make_wire(limits=Limits(content=None))
    assert (await wire.put("A", project_file(assets=utterance("x" * 501, intent="Fly"))))["status"] == "succeeded"
