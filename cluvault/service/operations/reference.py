"""What the service supports: languages, prebuilt entities, training configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluvault.service.calls import reference
from cluvault.service.models import PrebuiltEntity, SupportedLanguage, TrainingConfigVersion
from cluvault.service.operations.session import Operations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class ReferenceOperations(Operations):
    """Lists that belong to no project."""

    async def list_supported_languages(self, *, kind: str = "Conversation") -> AsyncIterator[SupportedLanguage]:
        """The languages that projects of a kind may have."""
        at = self._session
        call = reference.list_languages(at.address, await at.versions.for_feature(), kind=kind)
        async for language in at.list(SupportedLanguage, call, key=lambda each: each.code):
            yield language

    async def list_supported_prebuilt_entities(self, *, language: str | None = None) -> AsyncIterator[PrebuiltEntity]:
        """The prebuilt entities for projects in a language; for multilingual projects when it is None."""
        at = self._session
        call = reference.list_prebuilt_entities(at.address, await at.versions.for_feature(), language=language)
        async for entity in at.list(PrebuiltEntity, call, key=lambda each: each.category):
            yield entity

    async def list_training_config_versions(
        self, *, kind: str = "Conversation"
    ) -> AsyncIterator[TrainingConfigVersion]:
        """The training configurations for a kind of project, with the last day of the models trained with each."""
        at = self._session
        call = reference.list_training_config_versions(at.address, await at.versions.for_feature(), kind=kind)
        async for version in at.list(TrainingConfigVersion, call, key=lambda each: each.name):
            yield version
