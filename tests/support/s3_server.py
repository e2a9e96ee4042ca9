"""moto's S3 over a real socket, run for a test session."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from socket import create_connection
from typing import TYPE_CHECKING, Any, Final, cast

from cluvault.cli.demo.services import free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

ACCESS_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION: Final = "us-east-1"
_START_SECONDS: Final = 60


@dataclass
class S3Server:
    """A running server without buckets.

    Attributes:
        endpoint: `http://127.0.0.1:PORT`.
    """

    endpoint: str
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which boto3 finds it, and looks nowhere else."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ENDPOINT_URL_SQS": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }

    @cached_property
    def client(self) -> Any:
        """A client for the tests' own use."""
        return self.client_of("s3")

    @cached_property
    def sqs(self) -> Any:
        """The same for queues."""
        return self.client_of("sqs")

    @cached_property
    def sns(self) -> Any:
        """The same for topics."""
        return self.client_of("sns")

    def client_of(self, service: str) -> Any:
        """A client of one of Amazon's services."""
        import boto3  # noqa: PLC0415  # only tests of stores need it

        session: Any = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
        return session.client(service, endpoint_url=self.endpoint)

    def new_queue(self) -> tuple[str, str]:
        """URL and ARN of an empty queue."""
        url: str = self.sqs.create_queue(QueueName=f"queue-{next(self.numbers)}")["QueueUrl"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        return url, attributes["QueueArn"]

    def notify_queue(self, bucket: str) -> str:
        """The URL of a new queue that a bucket tells of its new objects, by S3's own notifications."""
        url, arn = self.new_queue()
        told = [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
        self.client.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": told}
        )
        return url

    def notify_topic(self, bucket: str) -> str:
        """The same by way of an SNS topic."""
        url, arn = self.new_queue()
        topic: str = self.sns.create_topic(Name=f"topic-{next(self.numbers)}")["TopicArn"]
        self.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        told = [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]
        self.client.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"TopicConfigurations": told}
        )
        return url

    def new_bucket(self) -> str:
        """An empty bucket."""
        name = f"bucket-{next(self.numbers)}"
        self.client.create_bucket(Bucket=name)
        return name


@contextmanager
def s3_server_running() -> Generator[S3Server]:
    """A server on a free loopback port, in a thread; it ends with the block."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  # it takes a second

    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        server = S3Server(f"http://{host}:{port}")
        with closing(server.client), closing(server.sqs), closing(server.sns):
            yield server
    finally:
        moto.stop()
        cast("Any", moto)._server.server_close()  # `stop` leaves the socket open


@contextmanager
def s3_process_running(log: Path) -> Generator[tuple[subprocess.Popen[bytes], int]]:
    """The same as a process of its own, which can be stopped and let go on, and its port."""
    port = free_port()
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603  # our own arguments
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _listens(port):
            assert time.monotonic() < deadline, log.read_text("utf-8", "replace")
            time.sleep(0.1)
        yield process, port
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
