"""Prediction: what a deployment makes of a text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.service.calls import runtime
from cluvault.service.operations.session import Operations
from cluvault.service.prediction_models import AnalyzedConversation

if TYPE_CHECKING:
    from cluvault.service.prediction_models import Prediction

RUNTIME_VERSION: Final = "2023-04-01"


class PredictionOperations(Operations):
    """The runtime API, which has api-versions and a call rate of its own."""

    async def predict(
        self,
        project: str,
        *,
        deployment: str,
        text: str,
        language: str | None = None,
        api_version: str = RUNTIME_VERSION,
    ) -> Prediction:
        """Ask a deployment what a text means; offsets of entities count UTF-16 code units.

        Args:
            project: The project.
            deployment: Its deployment.
            text: What somebody said.
            language: Of the text; the project's when None.
            api_version: Of the runtime; the configured one is the authoring API's.

        Raises:
            NotFound: there is no such project or deployment, or it has expired.
        """
        at = self._session
        call = runtime.predict(at.address, api_version, project, deployment=deployment, text=text, language=language)
        return (await at.get(AnalyzedConversation, call)).result.prediction
