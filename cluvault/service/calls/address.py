"""Where the operations of one endpoint are. Performs no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from cluvault.errors import UsageError
from cluvault.service.urls import path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

_PROJECTS: Final = "/language/authoring/analyze-conversations/projects"
_RUNTIME: Final = "/language/:analyze-conversations"

UTF16: Final = {"stringIndexType": "Utf16CodeUnit"}
"""How offsets are counted: the only way that every api-version knows."""


@dataclass(frozen=True, slots=True)
class Address:
    """Builds the URLs of one endpoint; names become single path segments that can only mean what they say."""

    endpoint: str

    def projects(self, path: str, version: str, query: Mapping[str, str] | None = None) -> str:
        """A path below all projects."""
        return self._url(f"{_PROJECTS}{path}", version, query or {})

    def project(self, project: str, path: str, version: str, query: Mapping[str, str] | None = None) -> str:
        """A path below one project.

        Raises:
            UsageError: the name could change what the request means.
        """
        return self.projects(f"/{path_segment(project, kind='project')}{path}", version, query)

    def model(self, project: str, label: str, path: str, version: str, query: Mapping[str, str] | None = None) -> str:
        """A path below one trained model. Raises as `project` does."""
        return self.project(project, f"/models/{path_segment(label, kind='model')}{path}", version, query)

    def deployment(self, project: str, deployment: str, path: str, version: str) -> str:
        """A path below one service deployment. Raises as `project` does."""
        return self.project(project, f"/deployments/{path_segment(deployment, kind='deployment')}{path}", version)

    def runtime(self, version: str) -> str:
        """Where predictions are asked for."""
        return self._url(_RUNTIME, version, {})

    def _url(self, path: str, version: str, query: Mapping[str, str]) -> str:
        text = urlencode({"api-version": version, **query}, quote_via=quote)
        return f"{self.endpoint}{path}?{text}"


def check_label(label: str, *, mend: str = "name a model") -> str:
    """The label of a trained model, where it is not part of the path.

    Raises:
        UsageError: it is empty; the service would take that for none.
    """
    if not label:
        raise UsageError("the trained model's label is empty", mend=mend)
    return label
