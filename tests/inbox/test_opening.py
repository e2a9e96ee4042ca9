"""From the configuration to a queue."""

from __future__ import annotations

import pytest

from cluvault.inbox.opening import open_queue
from cluvault.settings import IntakeSettings

AWS = "https://sqs.eu-central-1.amazonaws.com/123456789012/clu"
PRIVATE = "https://vpce-0a.sqs.eu-central-1.vpce.amazonaws.com"


@pytest.mark.parametrize(
    "queue, environment, endpoint",
    [
        (AWS, {}, ""),
        (f"{PRIVATE}/1/clu", {}, PRIVATE),
        ("https://queues.example:9324/1/clu", {}, "https://queues.example:9324"),
        ("https://queues.example:9324/1/clu", {"AWS_ENDPOINT_URL_SQS": "https://other.example"}, ""),
    ],
)
def test_a_queue_is_asked_where_its_address_says(queue: str, environment: dict[str, str], endpoint: str) -> None:
    """AWS's public addresses are boto3's business, and so is what it is told of; `queue-endpoint` goes before all."""
    values = {"place": "s3://clu", "resources": ["dev"], "queue": queue}
    found = open_queue(IntakeSettings.model_validate(values), environment=environment)
    told = open_queue(
        IntakeSettings.model_validate(values | {"queue-endpoint": "https://told.example"}), environment={}
    )
    assert getattr(found, "_options")["endpoint"] == endpoint  # noqa: B009  # what boto3 will be given
    assert getattr(told, "_options")["endpoint"] == "https://told.example"  # noqa: B009  # as above
