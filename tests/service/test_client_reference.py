"""Lists that belong to no project, and predictions."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import NotFound, UnexpectedAnswer
from cluvault.service.prediction_models import Prediction
from cluvault.settings import RateLimits
from tests.service.operation_table import PREDICTION, RUNTIME, sent_json
from tests.service.scripted import Bench, FakeTime, ScriptedService, answer, error, settings

if TYPE_CHECKING:
    from cluvault.service.client import CluClient

CONVERSATION: dict[str, Any] = {
    "kind": "ConversationResult",
    "result": {
        "query": "two pizzas to Paris",
        "detectedLanguage": "en",
        "prediction": {
            "topIntent": "Order",
            "projectKind": "Conversation",
            "intents": [
                {"category": "Order", "confidenceScore": 0.93},
                {"category": "None", "confidenceScore": 0},
            ],
            "entities": [
                {
                    "category": "City",
                    "text": "Paris",
                    "offset": 14,
                    "length": 5,
                    "confidenceScore": 1,
                    "extraInformation": [{"extraInformationKind": "ListKey", "key": "PAR"}],
                },
                {
                    "category": "Number",
                    "text": "two",
                    "offset": 0,
                    "length": 3,
                    "resolutions": [{"resolutionKind": "NumberResolution", "value": 2}],
                },
            ],
        },
    },
}


async def test_languages(client: CluClient, service: ScriptedService) -> None:
    """Code and name."""
    service.on("GET", "/global/languages", answer({"value": [{"languageName": "German", "languageCode": "de"}]}))
    (found,) = [each async for each in client.list_supported_languages()]
    assert (found.code, found.name) == ("de", "German")


async def test_prebuilt_entities(client: CluClient, service: ScriptedService) -> None:
    """Category, description, examples."""
    item = {"category": "Phone Number", "description": "d", "examples": "e"}
    service.on("GET", "/global/prebuilt-entities", answer({"value": [item]}))
    (found,) = [each async for each in client.list_supported_prebuilt_entities(language="en-us")]
    assert (found.category, found.description, found.examples) == ("Phone Number", "d", "e")


async def test_training_config_versions(client: CluClient, service: ScriptedService) -> None:
    """Name and last day; a version without one has none."""
    items = [
        {"trainingConfigVersion": "2022-09-01", "modelExpirationDate": "2027-02-27"},
        {"trainingConfigVersion": "2023-04-15", "modelExpirationDate": "0001-01-01"},
    ]
    service.on("GET", "/global/training-config-versions", answer({"value": items}))
    found = [each async for each in client.list_training_config_versions(kind="Orchestration")]
    assert [(each.name, each.models_expire_on) for each in found] == [
        ("2022-09-01", date(2027, 2, 27)),
        ("2023-04-15", None),
    ]


async def test_a_prediction_is_typed(client: CluClient, service: ScriptedService) -> None:
    """Intents in order, entities with place, confidence, resolution and key."""
    service.on("POST", RUNTIME, answer(CONVERSATION))
    found = await client.predict("A", deployment="prod", text="two pizzas to Paris")
    assert (found.top_intent, found.kind) == ("Order", "Conversation")
    assert [(each.category, each.confidence) for each in found.intents] == [("Order", 0.93), ("None", 0.0)]
    city, number = found.entities
    assert (city.category, city.text, city.offset, city.length) == ("City", "Paris", 14, 5)
    assert city.extra[0]["key"] == "PAR"
    assert number.resolutions[0]["value"] == 2
    assert "language" not in sent_json(service.requests[0])["analysisInput"]["conversationItem"]


async def test_an_orchestrations_prediction(client: CluClient, service: ScriptedService) -> None:
    """Its intents are a map; what each leads to is kept."""
    prediction = {
        "topIntent": "Travel",
        "projectKind": "Orchestration",
        "intents": {
            "Travel": {
                "confidenceScore": 0.9,
                "targetProjectKind": "Conversation",
                "result": {"prediction": {"topIntent": "Book"}},
            },
            "None": {"confidenceScore": 0, "targetProjectKind": "NonLinked"},
        },
    }
    service.on("POST", RUNTIME, answer({"result": {"prediction": prediction}}))
    found = await client.predict("A", deployment="prod", text="t")
    travel, none = found.intents
    assert (travel.category, travel.target_kind) == ("Travel", "Conversation")
    assert travel.result["prediction"]["topIntent"] == "Book"
    assert (none.category, none.result) == ("None", {})
    assert found.entities == ()


PREDICTIONS: list[dict[str, Any]] = [
    {},
    {"topIntent": None},
    {"topIntent": "x", "intents": [{"category": "x"}]},
    {"topIntent": "x", "intents": {"x": 7}},
    {"topIntent": "x", "intents": [{"category": "x", "confidenceScore": "NaN"}]},
    {"topIntent": "x", "entities": [{"category": "x", "offset": "far", "length": 1}]},
    {"topIntent": "x", "entities": {}},
]


@pytest.mark.parametrize("prediction", PREDICTIONS)
async def test_a_prediction_of_another_shape(client: CluClient, service: ScriptedService, prediction: object) -> None:
    """A golden utterance is never judged by half an answer."""
    service.on("POST", RUNTIME, answer({"result": {"prediction": prediction}}))
    with pytest.raises(UnexpectedAnswer, match=r"dev/A: prediction of 'prod': .*at result\.prediction"):
        await client.predict("A", deployment="prod", text="t")


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=8), st.floats(0, 1)), unique_by=lambda each: each[0], max_size=5)
)
def test_maps_and_lists_of_intents_mean_the_same(intents: list[tuple[str, float]]) -> None:
    """Whether named by key or by member."""
    listed = [{"category": name, "confidenceScore": score} for name, score in intents]
    mapped = {name: {"confidenceScore": score} for name, score in intents}
    assert Prediction.model_validate({"topIntent": "x", "intents": listed}) == Prediction.model_validate(
        {"topIntent": "x", "intents": mapped}
    )


async def test_a_deployment_that_is_missing(client: CluClient, service: ScriptedService) -> None:
    """The runtime's NotFound proves nothing about the project."""
    service.on("POST", RUNTIME, error(404, "NotFound", "no deployment"))
    with pytest.raises(NotFound, match="no deployment"):
        await client.predict("A", deployment="prod", text="t")


async def test_the_runtime_has_a_version_of_its_own(bench: Bench, service: ScriptedService) -> None:
    """The configured version is the authoring API's; nothing is probed for a prediction."""
    service.on("POST", RUNTIME, answer(PREDICTION))
    async with bench.client(settings(**{"api-version": "auto"})) as client:
        await client.predict("A", deployment="prod", text="t")
        await client.predict("A", deployment="prod", text="t", api_version="2024-11-01")
    assert [seen.query["api-version"] for seen in service.requests] == ["2023-04-01", "2024-11-01"]


async def test_predictions_have_a_budget_of_their_own(bench: Bench, service: ScriptedService, time: FakeTime) -> None:
    """A hundred golden utterances neither wait for the ten POSTs a minute nor use them up."""
    service.on("POST", RUNTIME, answer(PREDICTION))
    async with bench.client(limits=RateLimits()) as client:
        for _ in range(100):
            await client.predict("A", deployment="prod", text="t")
    assert time.now == 1000


async def test_a_throttled_runtime_holds_only_itself_back(
    client: CluClient, service: ScriptedService, time: FakeTime
) -> None:
    """A 429 of the runtime does not keep an authoring call waiting."""
    service.on("POST", RUNTIME, error(429, "429", "slow", retry_after="30"), answer(PREDICTION))
    service.on("DELETE", "/A/models/m1", answer(None, 204))
    await client.predict("A", deployment="prod", text="t")
    assert time.now == 1030
    service.on("POST", RUNTIME, error(429, "429", "slow", retry_after="3600"))
    with pytest.raises(Exception, match="3600"):
        await client.predict("A", deployment="prod", text="t")
    await client.delete_model("A", label="m1")
    assert time.now == 1030
