"""Downgrade: what an older api-version does not know goes, with a list that accounts for every difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cluvault.emulator.shapes import project_reader
from cluvault.emulator.versions import API_VERSIONS
from cluvault.errors import GuardRefused, UsageError
from cluvault.model.project_file import ProjectFile, read_project_file
from cluvault.plan.api_versions import KNOWS_ALL, VERSION_SHAPES, shape_of
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.downgrade import Downgrade, downgrade_project_file
from cluvault.plan.losses import Loss, refuse_without_leave
from cluvault.plan.upgrade import inspect_upgrade, upgrade_project_file
from cluvault.plan.vocabulary import SUMMARIZATION
from tests.strategies import QUICK, project_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cluvault.model.json_text import JsonObject
    from cluvault.model.project_shape import Document

VERSIONS = tuple(VERSION_SHAPES)
NEWEST = VERSIONS[-1]
OF_EACH_SHAPE = {shape: version for version, shape in VERSION_SHAPES.items()}.values()


def a_file(
    *,
    metadata: JsonObject | None = None,
    assets: JsonObject | None = None,
    stated: str = NEWEST,
    kind: str = "Conversation",
    **top: Any,
) -> ProjectFile:
    """A project file that states a version; members of metadata and assets as given."""
    document = {
        "projectFileVersion": stated,
        "stringIndexType": "Utf16CodeUnit",
        "metadata": {"projectKind": kind, "projectName": "Travel", "language": "en-us"} | (metadata or {}),
        "assets": {"projectKind": kind} | (assets or {}),
    } | top
    return ProjectFile(cast("Document", document))


def lost(result: Downgrade) -> list[tuple[str, bool]]:
    """Where something was lost, and whether that needs leave."""
    return [(loss.pointer, loss.needs_leave) for loss in result.losses]


def without(document: JsonObject, pointers: Iterable[str]) -> JsonObject:
    """A copy of a document without these places."""
    places = [pointer.split("/")[1:] for pointer in pointers]
    return _without(document, [[part.replace("~1", "/").replace("~0", "~") for part in place] for place in places])


def _without(value: Any, places: list[list[str]]) -> Any:
    if isinstance(value, list):
        items = enumerate(cast("list[Any]", value))
    elif isinstance(value, dict):
        items = cast("JsonObject", value).items()
    else:
        return value
    kept = {
        key: _without(item, [place[1:] for place in places if place[0] == str(key)])
        for key, item in items
        if [str(key)] not in places
    }
    return list(kept.values()) if isinstance(value, list) else kept


# --- laws ----------------------------------------------------------------------------------------------------------


def drawn(file: ProjectFile) -> ProjectFile:
    """A drawn file in the current shape."""
    upgrade, faults = inspect_upgrade(file)
    assume(not faults)
    return upgrade.file


def possible(file: ProjectFile, version: str) -> Downgrade:
    """The downgrade of a file that the version can have."""
    assume(file.metadata["projectKind"] != SUMMARIZATION or shape_of(version).summarization)
    return downgrade_project_file(file, version)


@QUICK
@given(project_files().map(drawn), st.sampled_from(VERSIONS))
def test_the_losses_account_for_the_whole_difference(file: ProjectFile, version: str) -> None:
    """The file without the places that are listed means what the downgraded file means."""
    result = possible(file, version)
    rest = without(cast("JsonObject", file.document), (loss.pointer for loss in result.losses))
    assert canonical_digest(ProjectFile(cast("Document", rest))) == canonical_digest(result.file)


@QUICK
@given(project_files().map(drawn), st.sampled_from(VERSIONS))
def test_each_loss_is_one(file: ProjectFile, version: str) -> None:
    """Without any one of the places that are listed, the file means something else."""
    for loss in possible(file, version).losses:
        rest = without(cast("JsonObject", file.document), [loss.pointer])
        assert canonical_digest(ProjectFile(cast("Document", rest))) != canonical_digest(file)


@QUICK
@given(project_files().map(drawn), st.sampled_from(VERSIONS))
def test_a_downgraded_file_has_nothing_more_to_lose(file: ProjectFile, version: str) -> None:
    """A second downgrade to the same version gives the very same file."""
    once = possible(file, version).file
    twice = downgrade_project_file(once, version)
    assert twice.file is once
    assert twice.losses == ()


def test_a_real_file_is_taken_by_each_version(sample: Callable[[str], bytes], sample_name: str) -> None:
    """The emulator, which has a table of its own, reads the downgraded file as strictly as the service."""
    upgraded = upgrade_project_file(read_project_file(sample(sample_name))).file
    digest = canonical_digest(upgraded)
    for version in OF_EACH_SHAPE:
        result = downgrade_project_file(upgraded, version)
        assert project_reader(API_VERSIONS[version], strict=True)(result.file.document)
        assert bool(result.losses) == (canonical_digest(result.file) != digest)


def test_the_versions_are_in_order() -> None:
    """Oldest first, so that comparing their texts compares their age."""
    assert list(VERSIONS) == sorted(VERSIONS)


# --- what goes -----------------------------------------------------------------------------------------------------

FULL = a_file(
    metadata={"settings": {"confidenceThreshold": 0.4, "normalizeCasing": True, "augmentDiacritics": False}},
    assets={
        "intents": [
            {"category": "None", "description": ""},
            {"category": "Book", "description": "to book", "associatedEntities": [{"category": "City"}]},
        ],
        "entities": [
            {
                "category": "City",
                "description": "a town",
                "regex": {"expressions": [{"regexPattern": "[A-Z]{3}"}]},
                "requiredComponents": ["regex"],
            }
        ],
    },
)
DESCRIPTIONS = [
    ("/assets/intents/1/description", False),
    ("/assets/intents/1/associatedEntities", False),
    ("/assets/entities/0/description", False),
]


@pytest.mark.parametrize(
    "version, expected",
    [
        ("2025-11-15-preview", []),
        ("2025-11-01", DESCRIPTIONS),
        ("2025-05-15-preview", []),
        ("2024-11-15-preview", DESCRIPTIONS),
        ("2023-04-01", DESCRIPTIONS),
        ("2022-10-01-preview", DESCRIPTIONS),
        (
            "2022-07-01-preview",
            [
                ("/metadata/settings/normalizeCasing", True),
                *DESCRIPTIONS,
                ("/assets/entities/0/regex", True),
                ("/assets/entities/0/requiredComponents", True),
            ],
        ),
    ],
)
def test_what_each_version_takes(version: str, expected: list[tuple[str, bool]]) -> None:
    """Descriptions came in 2025 as previews, regexes in October 2022; only the latter change what is trained."""
    assert lost(downgrade_project_file(FULL, version)) == expected


def test_a_loss_says_what_and_where() -> None:
    """Name and kind of the thing, and the version that does not know it."""
    first, *_ = downgrade_project_file(FULL, "2023-04-01").losses
    assert first == Loss(
        "/assets/intents/1/description", "description of the intent 'Book' is not known to api-version 2023-04-01"
    )


def test_the_result_states_its_version() -> None:
    """A file of a newer version states the older one afterwards; the input stays as it was."""
    result = downgrade_project_file(FULL, "2023-04-01").file
    assert (result.version, FULL.version) == ("2023-04-01", NEWEST)
    assert result.intents == [{"category": "None"}, {"category": "Book"}]
    assert "description" in FULL.intents[0]


def test_nothing_to_do_is_the_same_file() -> None:
    """An older file is left alone, whatever version it states."""
    old = a_file(stated="2022-05-01", assets={"intents": [{"category": "Book"}]})
    for version in VERSIONS:
        assert downgrade_project_file(old, version) == Downgrade(old)


def test_a_version_from_the_future_takes_everything() -> None:
    """A version that is not in the table is expected to know what the newest preview knows."""
    assert shape_of("2031-01-01") == KNOWS_ALL
    assert downgrade_project_file(FULL, "2031-01-01").file is FULL


STRANGE: JsonObject = {
    "x-top": 1,
    "metadata": {"projectKind": "Conversation", "language": "en-us", "settings": {"x-setting": 0, "x-null": None}},
    "assets": {
        "projectKind": "Conversation",
        "entities": [{"category": "City", "list": {"sublists": [{"listKey": "a/b", "x~1": 2}]}}],
        "utterances": [
            {"text": "Rome", "intent": "None"},
            {"text": "Oslo", "intent": "None", "entities": [{"category": "City", "offset": 0, "length": 4, "x": ""}]},
        ],
    },
}


def test_members_that_nobody_knows_go_with_the_version_they_came_with() -> None:
    """A file of a later version may hold more than cluvault knows; as nobody can say what, leave is asked."""
    file = a_file(stated="2031-01-01", **STRANGE)
    result = downgrade_project_file(file, "2025-11-15-preview")
    assert lost(result) == [
        ("/metadata/settings/x-setting", True),
        ("/assets/entities/0/list/sublists/0/x~01", True),
        ("/assets/utterances/1/entities/0/x", True),
        ("/x-top", True),
    ]
    assert result.file.utterances[0] is file.utterances[0]


def test_members_that_nobody_knows_stay_when_the_file_is_not_newer() -> None:
    """Then they are somebody's own, and the service says what it thinks of them."""
    file = a_file(stated="2023-04-01", **STRANGE)
    assert downgrade_project_file(file, "2023-04-01").file is file


def test_summarization_has_no_older_form() -> None:
    """A version without the kind cannot hold any of it."""
    file = a_file(kind=SUMMARIZATION, metadata={"storageInputContainerName": "talks"})
    assert downgrade_project_file(file, "2023-04-15-preview").losses == ()
    with pytest.raises(UsageError, match=r"x\.json is of kind Custom.*which api-version 2025-11-01 does not have"):
        downgrade_project_file(file, "2025-11-01", source="x.json")


def test_a_container_means_nothing_to_other_kinds() -> None:
    """It is a loss, but no model is trained on it."""
    file = a_file(metadata={"storageInputContainerName": "talks"})
    assert lost(downgrade_project_file(file, "2023-04-01")) == [("/metadata/storageInputContainerName", False)]


# --- offsets -------------------------------------------------------------------------------------------------------


def counted(index_type: str, *labels: tuple[int, int]) -> ProjectFile:
    """A file whose one utterance has an emoji before the labels."""
    entities = [{"category": "City", "offset": offset, "length": length, "x": 1} for offset, length in labels]
    utterances = [{"text": "😀 Rome", "intent": "None", "entities": entities}, {"text": "Oslo", "intent": "None"}]
    return a_file(assets={"utterances": utterances}, stringIndexType=index_type, stated="2023-04-01")


@pytest.mark.parametrize("index_type, offset", [("Utf32CodeUnit", 2), ("Utf8CodeUnit", 5)])
def test_offsets_are_counted_in_utf16_where_nothing_else_is_known(index_type: str, offset: int) -> None:
    """The same spans, with all other members of the label; nothing is lost."""
    result = downgrade_project_file(counted(index_type, (offset, 4)), "2023-04-01")
    assert result.losses == ()
    assert result.file.document.get("stringIndexType") == "Utf16CodeUnit"
    assert result.file.utterances[0].get("entities") == [{"category": "City", "offset": 3, "length": 4, "x": 1}]
    assert canonical_digest(result.file) == canonical_digest(counted(index_type, (offset, 4)))


def test_a_label_that_utf16_cannot_express_is_lost() -> None:
    """An end outside the text or inside a character is no place in other units."""
    result = downgrade_project_file(counted("Utf8CodeUnit", (1, 2), (5, 4), (5, 40)), "2023-04-01")
    assert [loss.pointer for loss in result.losses] == [
        "/assets/utterances/0/entities/0",
        "/assets/utterances/0/entities/2",
    ]
    assert all(loss.needs_leave for loss in result.losses)
    assert len(result.file.utterances[0].get("entities") or ()) == 1


@pytest.mark.parametrize(
    "assets", [{"utterances": []}, {}, None], ids=["no utterances", "no such member", "no assets at all"]
)
def test_a_file_without_labels_says_how_it_counts_all_the_same(assets: JsonObject | None) -> None:
    """The version would refuse the word, not the offsets."""
    file = a_file(stringIndexType="Utf32CodeUnit", assets=assets)
    if assets is None:
        del file.document["assets"]
    assert downgrade_project_file(file, "2022-05-01").file.document.get("stringIndexType") == "Utf16CodeUnit"


def test_units_that_nobody_knows_stay() -> None:
    """They cannot be converted; the service says that it does not know them."""
    file = counted("Utf64CodeUnit", (2, 4))
    assert downgrade_project_file(file, "2023-04-01").file is file


# --- leave ---------------------------------------------------------------------------------------------------------


def test_losses_that_change_what_is_trained_are_refused() -> None:
    """One line with the first of them, how many more there are, and the way on."""
    losses = [Loss("/a", "description"), Loss("/b", "regex", needs_leave=True), Loss("/c", "regex", needs_leave=True)]
    with pytest.raises(GuardRefused) as caught:
        refuse_without_leave(losses, what="create prod/Travel", mend="add --allow-loss")
    assert caught.value.exit_code == 4
    assert str(caught.value) == (
        "to create prod/Travel would lose what a model is trained on, nothing was changed: at /b: regex (and 1 more); "
        "add --allow-loss"
    )
    with pytest.raises(GuardRefused, match="at /b: regex; add"):
        refuse_without_leave(losses[:2], what="create prod/Travel", mend="add --allow-loss")
    refuse_without_leave(losses[:1], what="create prod/Travel", mend="add --allow-loss")
    assert losses[1].to_json() == {"pointer": "/b", "sentence": "regex", "needsLeave": True}
