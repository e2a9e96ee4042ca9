"""The documented limits of the service, in one place.

Source, unless a field says otherwise: Microsoft's service-limits page for conversational language understanding
(June 2025). Lengths are characters there, without a word on what a character is: `validate` counts code points for
what surely is too long, and UTF-16 code units, as .NET counts a string, for what may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_LANGUAGES: Final = """
    af am ar as az be bg bn br bs ca cs cy da de el en en-gb en-us eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu
    hy id it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl nb or pa pl ps pt-br pt-pt ro ru sa sd
    si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh-hans zh-hant zu
"""
LANGUAGES: Final = frozenset(_LANGUAGES.split())
"""The language-support page, and plain `en`, which the service's own examples use and a live import accepted."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a resource, a project and its parts may hold.

    Attributes:
        projects: Projects per resource.
        models: Trained models per project.
        deployments: Deployments per project.
        posts_per_minute: Authoring POST calls per resource.
        gets_per_minute: Authoring GET calls per resource.
        project_name_length: The API's schema says 100; the page, which is stricter, 50.
        model_name_length: Names of models and deployments.
        category_length: Names of intents and entities.
        category_symbols: What names of intents and entities must not hold.
        intents: Intents per project.
        entities: Entities per project.
        utterances: Utterances per project; older pages say 25,000.
        orchestration_utterances: The same for orchestration projects.
        utterance_length: Characters of an utterance; at least one.
        synonyms_per_entity: Values of one list component.
        synonyms: Values of all list components of a project.
        prebuilts: Prebuilt components per entity; the entity-components page says 5.
        expressions: Regular expressions per project.
        languages: Tags in lower case; compare without case.
    """

    projects: int = 500
    models: int = 10
    deployments: int = 10
    posts_per_minute: int = 10
    gets_per_minute: int = 100
    project_name_length: int = 50
    model_name_length: int = 50
    category_length: int = 50
    category_symbols: str = ":$&%*()+~#/?"
    intents: int = 500
    entities: int = 350
    utterances: int = 50_000
    orchestration_utterances: int = 15_000
    utterance_length: int = 500
    synonyms_per_entity: int = 20_000
    synonyms: int = 2_000_000
    prebuilts: int = 7
    expressions: int = 20
    languages: frozenset[str] = LANGUAGES


DOCUMENTED: Final = Limits()
"""The limits that the service's documentation states."""
