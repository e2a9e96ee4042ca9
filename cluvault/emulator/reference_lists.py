"""The service's own lists: supported languages, prebuilt entities, training config versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from cluvault.emulator.calls import page_answer
from cluvault.emulator.errors import invalid_value
from cluvault.emulator.languages import LANGUAGES, is_language
from cluvault.emulator.rendering import to_json
from cluvault.emulator.shapes import CONVERSATION, ORCHESTRATION, SUMMARIZATION
from cluvault.emulator.training_configs import LIVING

if TYPE_CHECKING:
    from cluvault.emulator.calls import Answer, Call
    from cluvault.emulator.training_configs import TrainingConfig


class _Prebuilt(NamedTuple):
    category: str
    description: str
    examples: str
    multilingual_only: bool = False


_PREBUILTS: Final = (
    _Prebuilt("Person.Name", "The name of a person", "john, Sam, Lisa"),
    _Prebuilt("Geography.Location", "The name of a place", "Paris, Lake Victoria", multilingual_only=True),
    _Prebuilt("General.Event", "An event that has a name", "World War two, Covid 19"),
    _Prebuilt("General.Organization", "A company or another organisation", "Microsoft, Amazon"),
    _Prebuilt("Choice.Boolean", "A choice between yes and no", "yes, no, agreed"),
    _Prebuilt("Quantity.Age", "The age of a person or thing", "10-month-old, 19 years old, 58 year-old"),
    _Prebuilt("Quantity.NumberRange", "A range of numbers", "between 25 and 35, 25-35"),
    _Prebuilt("Quantity.Number", "A number in digits or words", "ten, forty two, 3.141, 10K"),
    _Prebuilt("Quantity.Percentage", "A percentage, with the sign or the word", "10%, 5.6 percent"),
    _Prebuilt("Quantity.Ordinal", "A place in an order, in digits or words", "first, second, tenth, 1st, 2nd, 10th"),
    _Prebuilt("Quantity.Dimension", "A length, distance, area or volume", "2 miles, 650 square kilometres, 9,350 feet"),
    _Prebuilt("Quantity.Temperature", "A temperature", "32F, 34 degrees celsius, 2 deg C"),
    _Prebuilt("Quantity.Currency", "An amount of money, with its currency", "1000.00 US dollars, £20.00, $ 67.5 B"),
    _Prebuilt("DateTime", "A date, a time, or both", "May 11th"),
    _Prebuilt("Email", "An email address", "user@example.net, user_name@example.com"),
    _Prebuilt("Phone Number", "A telephone number", "123-456-7890, +1 123 456 789, (123)456-789"),
    _Prebuilt("URL", "The address of a web site or page", "www.example.com, http://example.net?name=my_name&age=10"),
    _Prebuilt("IPAddress", "An address of the internet protocol", "192.0.2.1, 2001:db8::1", multilingual_only=True),
    _Prebuilt("Geography.Address", "A postal address", "1 Main Street, Springfield", multilingual_only=True),
)
_KINDS: Final = {kind.lower() for kind in (CONVERSATION, ORCHESTRATION, SUMMARIZATION)}


def list_languages(call: Call) -> Answer:
    """A page of the languages that projects can have."""
    _check_kind(call)
    return page_answer(call, "projects/global/languages", tuple(LANGUAGES.items()), _language_json)


def _language_json(language: tuple[str, str]) -> bytes:
    code, name = language
    return to_json({"languageName": name, "languageCode": code})


def list_prebuilt_entities(call: Call) -> Answer:
    """A page of the prebuilt components of entities, in one language or for multilingual projects."""
    multilingual = call.query.get("multilingual", "false").lower()
    if multilingual not in ("true", "false"):
        raise invalid_value("Multilingual", multilingual, target="multilingual")
    language = call.query.get("language", "")
    if multilingual == "false" and not is_language(language):
        raise invalid_value("Language", language, target="language")
    prebuilts = [found for found in _PREBUILTS if multilingual == "true" or not found.multilingual_only]
    return page_answer(call, "projects/global/prebuilt-entities", prebuilts, _prebuilt_json)


def _prebuilt_json(prebuilt: _Prebuilt) -> bytes:
    return to_json({"category": prebuilt.category, "description": prebuilt.description, "examples": prebuilt.examples})


def list_training_config_versions(call: Call) -> Answer:
    """A page of the versions that can be trained with."""
    _check_kind(call)

    def to_item(config: TrainingConfig) -> bytes:
        return to_json({"trainingConfigVersion": config.name, "modelExpirationDate": config.expires(call.now)})

    return page_answer(call, "projects/global/training-config-versions", LIVING, to_item)


def _check_kind(call: Call) -> None:
    kind = call.query.get("projectkind", "")
    if kind.lower() not in _KINDS:
        raise invalid_value("ProjectKind", kind, target="projectKind")
