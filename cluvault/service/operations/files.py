"""Project files: export, import."""

# ruff: noqa: ASYNC109  # a timeout here is a job's: asyncio.timeout would tear a request and leave the job unwatched

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluvault.errors import NotFound, UnexpectedAnswer, UsageError
from cluvault.service import jobs
from cluvault.service.calls import projects
from cluvault.service.calls.jobs import export_job_url, job_result
from cluvault.service.features import EVERYWHERE, SNAPSHOTS
from cluvault.service.job_models import ExportJob
from cluvault.service.jobs import JobHandle
from cluvault.service.operations.session import Operations
from cluvault.service.urls import own_url

if TYPE_CHECKING:
    from cluvault.service.calls.projects import FileFormat
    from cluvault.service.job_models import Job
    from cluvault.service.problems import Problem


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A project file, byte for byte as the service gave it.

    Attributes:
        data: The bytes. They begin and end like a JSON object; whoever uses them parses them.
        api_version: With which they were exported; an import should use the same.
        job_id: The service's id of the export job.
        warnings: What the service warned of.
    """

    data: bytes = field(repr=False)
    api_version: str
    job_id: str
    warnings: tuple[Problem, ...] = ()


class FileOperations(Operations):
    """Operations on project files."""

    async def transfer_version(self) -> str:
        """The api-version that exports and imports use unless told otherwise."""
        return await self._session.versions.for_transfer()

    async def begin_export(
        self,
        project: str,
        *,
        trained_model_label: str | None = None,
        file_format: FileFormat | None = None,
        asset_kind: str | None = None,
        api_version: str | None = None,
    ) -> JobHandle[ExportJob]:
        """Start an export of the working copy, or of the snapshot that a model was trained on.

        Args:
            project: The project.
            trained_model_label: The model whose snapshot is meant; since 2022-10-01-preview.
            file_format: The service's own format when None. What an export as `luis` holds is undocumented.
            asset_kind: Passed on as it is; the service documents the parameter without its values.
            api_version: In place of the newest that is answered.
        """
        at = self._session
        feature = EVERYWHERE if trained_model_label is None else SNAPSHOTS
        call = projects.export_project(
            at.address,
            await at.versions.for_transfer(feature, chosen=api_version),
            project,
            trained_model_label=trained_model_label,
            file_format=file_format,
            asset_kind=asset_kind,
        )
        return await at.begin_as(ExportJob, call)

    async def export_project(
        self,
        project: str,
        *,
        trained_model_label: str | None = None,
        file_format: FileFormat | None = None,
        asset_kind: str | None = None,
        api_version: str | None = None,
        timeout: float = 900.0,
    ) -> ExportedFile:
        """Export a project and fetch its file; arguments as of begin_export."""
        handle = await self.begin_export(
            project,
            trained_model_label=trained_model_label,
            file_format=file_format,
            asset_kind=asset_kind,
            api_version=api_version,
        )
        return await self.finish_export(handle, timeout=timeout)

    async def finish_export(self, handle: JobHandle[ExportJob], *, timeout: float = 900.0) -> ExportedFile:
        """Wait for the end of an export and fetch its file."""
        job = await self._session.wait(handle, seconds=timeout)
        return await self.download_export(handle, job)

    async def download_export(self, handle: JobHandle[ExportJob], job: ExportJob) -> ExportedFile:
        """Fetch the file that an export has made; `job` is what `wait` returned for the handle."""
        data = await self._download(handle, job)
        return ExportedFile(data, handle.api_version, job.job_id or handle.job_id, job.warnings)

    def started_export(self, project: str, job_id: str, *, api_version: str, age: float) -> JobHandle[ExportJob]:
        """An export that was started so many seconds ago, perhaps by another process.

        Its URL is made as the documentation shows it, on this resource's own origin; none is ever taken from elsewhere.

        Raises:
            UsageError: the id could change what the request means.
        """
        url = export_job_url(self._session.address, api_version, project, job_id)
        began = self._session.timing.clock() - age
        return JobHandle("export", project, url, job_id, api_version, started=began, kind=ExportJob, quick=True)

    def finds_export_again(self, handle: JobHandle[ExportJob]) -> bool:
        """Whether `started_export` leads to the job of a handle, as it does where the documentation is right."""
        try:
            return handle.url == export_job_url(
                self._session.address, handle.api_version, handle.project, handle.job_id
            )
        except UsageError:
            return False

    async def begin_import(
        self, project: str, data: bytes, *, file_format: FileFormat | None = None, api_version: str | None = None
    ) -> JobHandle[Job]:
        """Start an import that replaces the project's working copy, or creates the project.

        The bytes are sent as they are. `metadata.projectName` should equal the name; the caller sees to that. Models
        and deployments stay. With the format `luis` the bytes are a LUIS application, schema 7.0.0, which the service
        converts; it drops what has no counterpart.
        """
        at = self._session
        version = await at.versions.for_transfer(chosen=api_version)
        return await at.begin(projects.import_project(at.address, version, project, data, file_format=file_format))

    async def import_project(
        self,
        project: str,
        data: bytes,
        *,
        file_format: FileFormat | None = None,
        api_version: str | None = None,
        timeout: float = 900.0,
    ) -> Job:
        """Import a project file and wait for the end; the job's `warnings` say what the service minds."""
        handle = await self.begin_import(project, data, file_format=file_format, api_version=api_version)
        return await self._session.wait(handle, seconds=timeout)

    async def _download(self, handle: JobHandle[ExportJob], job: ExportJob) -> bytes:
        where = self._session.sender.where(handle)
        if not job.result_url:
            raise UnexpectedAnswer(f"{where}: the job succeeded without saying where its result is (resultUrl)")
        call = job_result(handle, own_url(job.result_url, base=handle.url, where=where))
        try:
            return (await self._session.send(call)).content
        except NotFound as err:
            raise jobs.expired(handle, where=where, what="result", request_id=err.request_id) from err
