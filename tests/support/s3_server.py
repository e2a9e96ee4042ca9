"""moto's S3 over a real socket, run for a test session."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

ACCESS_KEY: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY: Final = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
REGION: Final = "us-east-1"


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
        import boto3  # noqa: PLC0415  # only tests of stores need it

        session: Any = boto3.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
        return session.client("s3", endpoint_url=self.endpoint)

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
        with closing(server.client):
            yield server
    finally:
        moto.stop()
        cast("Any", moto)._server.server_close()  # `stop` leaves the socket open
