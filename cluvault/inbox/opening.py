"""From the configuration to an inbox and its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cluvault.errors import ConfigurationError, UsageError
from cluvault.model.object_url import BlobObject, ObjectUrl, S3Object, parse_place_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cluvault.inbox.queue import Queue
    from cluvault.inbox.store import Inbox
    from cluvault.settings import IntakeSettings


def place_of(settings: IntakeSettings) -> ObjectUrl:
    """Where the inbox is; the `key` is its prefix.

    Raises:
        ConfigurationError: it is no such URL.
    """
    try:
        return parse_place_url(settings.place)
    except UsageError as err:
        raise ConfigurationError(f"intake: place: {err.message}", mend=err.mend) from None


def open_inbox(settings: IntakeSettings, *, environment: Mapping[str, str]) -> Inbox:
    """The inbox; nothing is asked of it yet. Raises what `place_of` does."""
    match place_of(settings):
        case S3Object(bucket, prefix):
            from cluvault.inbox.s3_inbox import S3Inbox  # noqa: PLC0415  # others start without
            from cluvault.vault.s3_store import S3Options  # noqa: PLC0415

            options = S3Options(**settings.s3.model_dump())
            return S3Inbox(bucket, prefix, options=options, connections=2 * settings.concurrency)
        case BlobObject(account, container, prefix):
            from cluvault.inbox.blob_inbox import BlobInbox  # noqa: PLC0415  # as above

            return BlobInbox(account, container, prefix, environment=environment, connections=2 * settings.concurrency)


def open_queue(settings: IntakeSettings, *, environment: Mapping[str, str]) -> Queue | None:
    """The queue that tells of the inbox's objects: SQS for a bucket, Azure Storage for a container; None without one.

    Raises:
        ConfigurationError: it is no such URL.
    """
    if not settings.queue:
        return None
    if isinstance(place_of(settings), S3Object):
        from cluvault.inbox.sqs import SqsQueue  # noqa: PLC0415  # as above

        return SqsQueue(
            settings.queue,
            visibility=settings.visibility_seconds,
            endpoint=settings.queue_endpoint or _own_endpoint(settings.queue, environment),
            region=settings.s3.region,
            profile=settings.s3.profile,
        )
    from cluvault.inbox.storage_queue import StorageQueue  # noqa: PLC0415  # as above

    return StorageQueue(settings.queue, visibility=settings.visibility_seconds, environment=environment)


def _own_endpoint(url: str, environment: Mapping[str, str]) -> str:
    """The address of a queue that is none of AWS's public ones; empty where boto3 finds it, or is told of it."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_public = host.endswith((".amazonaws.com", ".amazonaws.com.cn")) and ".vpce." not in host
    is_told = any(environment.get(name) for name in ("AWS_ENDPOINT_URL_SQS", "AWS_ENDPOINT_URL"))
    return "" if is_public or is_told else f"{parts.scheme}://{parts.netloc}"
