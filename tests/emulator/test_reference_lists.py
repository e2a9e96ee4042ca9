"""The service's own lists on the wire (contract 2.2, 7.1, 7.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.emulator.deploying import problem

if TYPE_CHECKING:
    from tests.emulator.wire import Wire

LISTS = {
    "languages": {"projectKind": "Conversation"},
    "prebuilt-entities": {"language": "en"},
    "training-config-versions": {"projectKind": "Conversation"},
}


async def listed(wire: Wire, name: str, **query: str) -> list[dict[str, Any]]:
    """The whole of a list."""
    answer = await wire.get(f"projects/global/{name}", params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["nextLink"] is None
    return answer.json()["value"]


@pytest.mark.parametrize("kind", ["Conversation", "orchestration", "CustomConversationSummarization"])
async def test_languages_have_names_and_codes(wire: Wire, kind: str) -> None:
    """Contract 7.1: those that projects can have, whatever their kind."""
    languages = await listed(wire, "languages", projectKind=kind)
    assert {"languageName": "English (UK)", "languageCode": "en-gb"} in languages
    assert len(languages) == len({language["languageCode"] for language in languages}) == 96


async def test_every_listed_language_can_be_a_projects(wire: Wire) -> None:
    """The list and the check are one."""
    for language in (await listed(wire, "languages", projectKind="Conversation"))[::10]:
        assert (await wire.create(f"p-{language['languageCode']}", language=language["languageCode"])).is_success


async def test_prebuilt_entities_of_multilingual_projects_are_more(wire: Wire) -> None:
    """Contract 7.1: nineteen, and sixteen for a language; with multilingual=true the language is ignored."""
    multilingual = await listed(wire, "prebuilt-entities", multilingual="true", language="xx")
    english = await listed(wire, "prebuilt-entities", language="en-us")
    categories = [item["category"] for item in multilingual]
    assert categories[:2] == ["Person.Name", "Geography.Location"]
    assert categories[-1] == "Geography.Address"
    assert len(categories) == 19
    assert [item["category"] for item in english] == [
        category for category in categories if category not in ("Geography.Location", "IPAddress", "Geography.Address")
    ]
    assert all(item.keys() == {"category", "description", "examples"} for item in multilingual)


async def test_training_config_versions_expire_in_the_future(wire: Wire) -> None:
    """Contract 7.3: names and dates."""
    versions = await listed(wire, "training-config-versions", projectKind="Conversation")
    assert versions[0] == {"trainingConfigVersion": "2022-09-01", "modelExpirationDate": "2027-05-21"}
    assert {"2022-09-01", "2023-04-15"} <= {version["trainingConfigVersion"] for version in versions}


@pytest.mark.parametrize(
    "name, query",
    [
        ("languages", {}),
        ("languages", {"projectKind": "Nope"}),
        ("training-config-versions", {}),
        ("prebuilt-entities", {}),
        ("prebuilt-entities", {"multilingual": "false"}),
        ("prebuilt-entities", {"multilingual": "maybe", "language": "en"}),
        ("prebuilt-entities", {"language": "xx"}),
    ],
)
async def test_what_a_list_is_of_must_be_said(wire: Wire, name: str, query: dict[str, str]) -> None:
    """Contract 2.2: projectKind; a language, unless for multilingual projects."""
    assert problem(await wire.get(f"projects/global/{name}", params=query)) == (400, "InvalidArgument")


@pytest.mark.parametrize("name", list(LISTS))
async def test_lists_come_in_pages_that_keep_the_question(wire: Wire, name: str) -> None:
    """Contract 2.4: nextLink repeats the query."""
    whole = await listed(wire, name, **LISTS[name])
    first = (await wire.get(f"projects/global/{name}", params=LISTS[name] | {"maxpagesize": "3"})).json()
    second = (await wire.get(first["nextLink"])).json()
    assert first["value"] + second["value"] == whole[: len(first["value"]) + len(second["value"])]
    assert len(first["value"]) == 3
