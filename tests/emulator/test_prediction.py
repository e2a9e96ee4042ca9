"""The prediction API on the wire: answers follow the data (recorded calls of 2022, its 2023-04-01 specification)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.emulator.limits import DOCUMENTED, Limits
from cluvault.emulator.text_elements import element_span
from tests.emulator.deploying import ask, at, deploy, prediction, problem, with_models
from tests.emulator.wire import Wire, project_file, travels

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = {"confidenceThreshold": 0.0}


@pytest.fixture
async def travel(wire: Wire) -> Wire:
    """An emulator with a project `Travel`, deployed as `production`."""
    await with_models(wire)
    await deploy(wire)
    return wire


# --- conversations -------------------------------------------------------------------------------------------------


async def test_an_answer_has_the_recorded_shape(travel: Wire) -> None:
    """Members, their order, and the headers that only predictions have."""
    answer = await ask(travel, "fly to Rome on day 3")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["csp-billing-usage"] == (
        "CognitiveServices.TextAnalytics.Language.ConversationalLanguageUnderstanding.Prediction=1"
    )
    assert answer.headers["cache-control"].startswith("no-store")
    assert "content-length" not in answer.headers
    body = answer.json()
    assert list(body) == ["kind", "result"]
    assert body["kind"] == "ConversationResult"
    assert list(body["result"]) == ["query", "prediction"]
    assert body["result"]["query"] == "fly to Rome on day 3"
    said = body["result"]["prediction"]
    assert list(said) == ["topIntent", "projectKind", "intents", "entities"]
    assert (said["topIntent"], said["projectKind"]) == ("Book", "Conversation")
    assert list(said["intents"][0]) == ["category", "confidenceScore"]
    (city,) = said["entities"]
    assert list(city) == ["category", "text", "offset", "length", "confidenceScore"]
    assert (city["category"], city["text"], city["offset"], city["length"]) == ("City", "Rome", 7, 4)


async def test_intents_come_with_the_likeliest_first(travel: Wire) -> None:
    """All of them, verbose or not, as recorded."""
    for verbose in (True, False):
        intents = (await prediction(travel, "what a nice song", verbose=verbose))["intents"]
        assert [intent["category"] for intent in intents] == ["None", "Book"]
        assert 1 >= intents[0]["confidenceScore"] >= intents[1]["confidenceScore"] >= 0


async def test_predictions_follow_the_data(wire: Wire) -> None:
    """Nothing is canned: the same project with its labels exchanged says the opposite."""
    exchanged = [utterance | {"intent": "None" if utterance["intent"] == "Book" else "Book"} for utterance in travels()]
    await with_models(wire)
    await with_models(wire, "Wrong", assets={"utterances": exchanged})
    for name in ("Travel", "Wrong"):
        await deploy(wire, name=name)
    assert (await prediction(wire, "fly to Oslo"))["topIntent"] == "Book"
    assert (await prediction(wire, "fly to Oslo", name="Wrong"))["topIntent"] == "None"


async def test_an_import_changes_nothing_that_is_deployed(travel: Wire) -> None:
    """A deployment answers by what its model was trained on, until another is deployed."""
    before = await prediction(travel, "fly to Oslo")
    await travel.put("Travel", project_file(assets={"utterances": []}))
    assert await prediction(travel, "fly to Oslo") == before


async def test_below_the_threshold_the_top_intent_is_none(wire: Wire) -> None:
    """Contract 3.2: the setting it was trained with; the scores stay as they are."""
    sure, unsure = (0.0, 1.0)
    for name, threshold in (("Sure", sure), ("Unsure", unsure)):
        await with_models(wire, name, metadata={"settings": {"confidenceThreshold": threshold}})
        await deploy(wire, name=name)
    one, other = [await prediction(wire, "fly on a day", name=name) for name in ("Sure", "Unsure")]
    assert (one["topIntent"], other["topIntent"]) == ("Book", "None")
    assert one["intents"] == other["intents"]


async def test_entities_say_how_they_were_found(wire: Wire) -> None:
    """List keys and resolutions, in the order of the recorded members."""
    entities = [
        {"category": "City", "list": {"sublists": [{"listKey": "ROM", "synonyms": [{"values": ["Rome", "Roma"]}]}]}},
        {"category": "Count", "prebuilts": [{"category": "Quantity.Number"}]},
    ]
    utterances: list[dict[str, Any]] = [utterance | {"entities": []} for utterance in travels()]
    await with_models(wire, assets={"entities": entities, "utterances": utterances})
    await deploy(wire)
    city, count = (await prediction(wire, "fly to roma with 3 friends"))["entities"]
    assert city["extraInformation"] == [{"extraInformationKind": "ListKey", "key": "ROM"}]
    assert list(count)[-2:] == ["resolutions", "extraInformation"]
    assert count["resolutions"][0]["resolutionKind"] == "NumberResolution"


@pytest.mark.parametrize(
    "index_type, expected",
    [
        (None, (3, 4)),
        ("TextElements_v8", (3, 4)),
        ("TextElement_V8", (3, 4)),
        ("UnicodeCodePoint", (4, 4)),
        ("Utf16CodeUnit", (5, 4)),
    ],
)
async def test_offsets_count_what_was_asked_for(wire: Wire, index_type: str | None, expected: tuple[int, int]) -> None:
    """Text elements when nothing is said: an emoji, an e with a combining accent, a space, then the city."""
    entities = [{"category": "City", "list": {"sublists": [{"listKey": "R", "synonyms": [{"values": ["Rome"]}]}]}}]
    await with_models(wire, assets={"entities": entities, "utterances": []})
    await deploy(wire)
    parameters: dict[str, Any] = {} if index_type is None else {"stringIndexType": index_type}
    (city,) = (await prediction(wire, "\N{EARTH GLOBE EUROPE-AFRICA}e\u0301 Rome", **parameters))["entities"]
    assert (city["offset"], city["length"]) == expected


@pytest.mark.parametrize("version", ["2022-05-01", "2024-05-01", "2024-11-01", "2025-11-15-preview"])
async def test_every_version_predicts(travel: Wire, version: str) -> None:
    """Also those that have no authoring."""
    assert (await prediction(travel, "fly to Oslo", version=version))["topIntent"] == "Book"


@pytest.mark.parametrize("version", ["2024-05-01", "2024-11-01"])
async def test_versions_of_the_prediction_api_alone_have_no_authoring(travel: Wire, version: str) -> None:
    """To the gateway those routes are unknown there."""
    assert problem(await travel.get("projects", version=version)) == (404, "404")


async def test_unknown_members_are_tolerated(travel: Wire) -> None:
    """Recorded calls send isLoggingEnabled in the wrong place and a modality, and are answered."""
    item = {"modality": "text", "language": "en", "role": "generic", "id": "9"}
    assert (await prediction(travel, "fly to Oslo", item=item, anything=1))["topIntent"] == "Book"


# --- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [{"name": "Nope"}, {"deployment": "nope"}])
async def test_an_unknown_deployment_is_not_found(travel: Wire, where: dict[str, Any]) -> None:
    """Of an unknown project it says the same."""
    assert problem(await ask(travel, "fly", **where)) == (404, "NotFound")


@pytest.mark.parametrize(
    "change",
    [
        {"item": {"text": ""}},
        {"item": {"text": "  "}},
        {"item": {"text": None}},
        {"item": {"id": None}},
        {"stringIndexType": "Utf8CodeUnit"},
        {"verbose": "perhaps"},
    ],
)
async def test_a_call_that_makes_no_sense_is_refused(travel: Wire, change: dict[str, Any]) -> None:
    """An empty text, a missing member, an unknown way to count."""
    assert problem(await ask(travel, "fly", **change)) == (400, "InvalidArgument")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"kind": "Nope"}', b'{"kind": "Conversation", "analysisInput": {}}'])
async def test_a_body_of_another_shape_is_refused(travel: Wire, body: bytes) -> None:
    """400 with the place of the fault."""
    url = f"{travel.base.removesuffix('/authoring/analyze-conversations')}/:analyze-conversations"
    answer = await travel.send("POST", url, params={"api-version": "2023-04-01"}, content=body)
    assert problem(answer) == (400, "InvalidArgument")


async def test_an_expired_deployment_predicts_no_more(travel: Wire) -> None:
    """Contract 6.3: on its last day it does."""
    expires = travel.emulator.project("dev", "Travel").deployments[0].expires
    travel.clock.now = travel.clock.now.replace(year=expires.year, month=expires.month, day=expires.day)
    assert (await ask(travel, "fly")).status_code == 200
    travel.clock.advance(24 * 60 * 60)
    assert problem(await ask(travel, "fly")) == (400, "InvalidRequest")


async def test_a_model_without_what_it_was_trained_on_cannot_predict(wire: Wire) -> None:
    """Only the Python API makes such models."""
    await wire.create("Travel")
    wire.emulator.add_model("dev", "Travel", "v1", has_snapshot=False)
    await deploy(wire)
    assert problem(await ask(wire, "fly")) == (400, "InvalidRequest")


async def test_predictions_have_a_limit_of_their_own(make_wire: Callable[..., Wire]) -> None:
    """Contract 6.1: a thousand a minute, whatever the authoring calls."""
    assert DOCUMENTED.predictions_per_minute == 1000
    wire = make_wire(limits=Limits(predictions_per_minute=3), posts_per_minute=1)
    await with_models(wire)
    wire.emulator.add_deployment("dev", "Travel", "production", model_label="v1")
    answers = [await ask(wire, "fly to Oslo") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["retry-after"] == "60"
    assert "Language Prediction API" in answers[-1].json()["error"]["message"]
    wire.clock.advance(60)
    assert (await ask(wire, "fly to Oslo")).status_code == 200


async def test_a_prediction_needs_a_key(travel: Wire) -> None:
    """Of the resource that is asked."""
    url = (
        f"{travel.base.removesuffix('/authoring/analyze-conversations')}/:analyze-conversations?api-version=2023-04-01"
    )
    headers = {"Ocp-Apim-Subscription-Key": "wrong"}
    assert problem(await travel.send("POST", url, content=b"{}", headers=headers)) == (401, "401")


# --- orchestrations ------------------------------------------------------------------------------------------------

ORCHESTRATION = {
    "intents": [
        {"category": "None"},
        {
            "category": "Trips",
            "orchestration": {
                "targetProjectKind": "Conversation",
                "conversationOrchestration": {"projectName": "Travel", "deploymentName": "production"},
            },
        },
        {
            "category": "Help",
            "orchestration": {
                "targetProjectKind": "QuestionAnswering",
                "questionAnsweringOrchestration": {"projectName": "faq"},
            },
        },
    ],
    "utterances": [
        {"text": text, "intent": intent}
        for intent, texts in {
            "Trips": ["fly to Paris", "fly to Rome now", "fly to Oslo", "book to fly", "fly away", "please fly"],
            "Help": ["how does it work", "how do I pay", "how is it done", "how can I ask", "how much", "how so"],
            "None": ["nice song", "what a song", "a song of rain", "sing a song", "song and dance", "old song"],
        }.items()
        for text in texts
    ],
}


@pytest.fixture
async def desk(travel: Wire) -> Wire:
    """An orchestration `Desk` over `Travel`, deployed."""
    await travel.put("Desk", project_file(name="Desk", kind="Orchestration", assets=ORCHESTRATION))
    travel.emulator.add_model("dev", "Desk", "v1")
    await deploy(travel, name="Desk")
    return travel


async def test_an_orchestration_asks_the_target_of_its_top_intent(desk: Wire) -> None:
    """As recorded: a map of intents, in which only the first has a result."""
    answer = await ask(desk, "fly to Rome", name="Desk")
    assert "OrchestrationWorkflow" in answer.headers["csp-billing-usage"]
    said = answer.json()["result"]["prediction"]
    assert (said["topIntent"], said["projectKind"]) == ("Trips", "Orchestration")
    assert {name: intent["targetProjectKind"] for name, intent in said["intents"].items()} == {
        "Trips": "Conversation",
        "Help": "QuestionAnswering",
        "None": "NonLinked",
    }
    assert next(iter(said["intents"])) == "Trips"
    assert list(said["intents"]["Trips"]) == ["confidenceScore", "targetProjectKind", "result"]
    asked = await prediction(desk, "fly to Rome")
    assert said["intents"]["Trips"]["result"] == {"query": "fly to Rome", "prediction": asked}
    assert [name for name, intent in said["intents"].items() if "result" in intent] == ["Trips"]


@pytest.mark.parametrize("text, top", [("how do I ask", "Help"), ("nice song", "None")])
async def test_targets_outside_the_emulator_have_no_result(desk: Wire, text: str, top: str) -> None:
    """A knowledge base is another service; None leads nowhere."""
    said = await prediction(desk, text, name="Desk")
    assert said["topIntent"] == top
    assert all("result" not in intent for intent in said["intents"].values())


async def test_a_missing_target_fails_the_call_that_needs_it(desk: Wire) -> None:
    """Other intents are answered as before."""
    await desk.send("DELETE", "projects/Travel")
    answer = await ask(desk, "fly to Rome", name="Desk")
    assert problem(answer) == (404, "NotFound")
    assert "Travel/production" in answer.json()["error"]["message"]
    assert (await prediction(desk, "how do I pay", name="Desk"))["topIntent"] == "Help"


async def test_a_direct_target_is_a_knowledge_base(desk: Wire) -> None:
    """As reported from the service: it refuses conversations there; the intent is certain."""
    said = await prediction(desk, "fly to Rome", name="Desk", directTarget="Help", targetProjectParameters={})
    assert said == {
        "topIntent": "Help",
        "projectKind": "Orchestration",
        "intents": {"Help": {"confidenceScore": 1.0, "targetProjectKind": "QuestionAnswering"}},
    }
    for target in ("Trips", "None", "nope"):
        answer = await ask(desk, "fly to Rome", name="Desk", directTarget=target)
        assert problem(answer) == (400, "InvalidArgument")
        assert f"The target {target} is not a QnA Maker project." in answer.json()["error"]["message"]


async def test_an_orchestration_that_is_placed_elsewhere_asks_there(desk: Wire) -> None:
    """Targets live in the resource that is asked: where `Travel` is not, it is missing."""
    assert problem(await ask(at(desk, "prod"), "fly to Rome", name="Desk")) == (404, "NotFound")


# --- text elements -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, count",
    [
        ("abc", 3),
        ("e\u0301", 1),
        ("\N{REGIONAL INDICATOR SYMBOL LETTER F}\N{REGIONAL INDICATOR SYMBOL LETTER R}", 1),
        ("\N{HANGUL CHOSEONG KIYEOK}\N{HANGUL JUNGSEONG A}\N{HANGUL JONGSEONG KIYEOK}", 1),
        ("\uac00\u11a8\uac01\u11a8", 2),
        ("\uac00\uac00", 2),
        ("a\r\nb\n\rc", 6),
        ("\r\u0301", 2),
        ("\u0e01\u0e33", 1),
        ("\N{WOMAN}\u200d\N{MICROSCOPE}", 2),
        ("\N{WAVING HAND SIGN}\N{EMOJI MODIFIER FITZPATRICK TYPE-3}", 2),
        ("a\u00adb", 3),
    ],
)
def test_text_elements_are_those_of_unicode_8(text: str, count: int) -> None:
    """Marks, joiners, syllables and flags stay together; sequences of emoji came later."""
    assert element_span(text, 0, len(text)) == (0, count)


@given(st.text(st.characters(codec="utf-8"), max_size=12), st.data())
def test_a_span_of_text_elements_covers_the_span(text: str, data: st.DataObject) -> None:
    """A span never begins later or has more elements than characters, and only an empty one has none."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    offset, length = element_span(text, start, end)
    total = element_span(text, 0, len(text))[1]
    assert 0 <= offset <= start
    assert length <= end - start
    assert offset + length <= total
    assert (length > 0) == (end > start)
