"""cluvault emulator."""

from __future__ import annotations

import ipaddress
import logging
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from cluvault.cli.invocation import Command, Invocation
from cluvault.cli.text import clean
from cluvault.emulator.config import DEFAULT_KEYS, EmulatorConfig
from cluvault.emulator.seed import seed_resources
from cluvault.emulator.server import EmulatorServer
from cluvault.emulator.versions import API_VERSIONS
from cluvault.errors import UsageError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator

    from cluvault.emulator.faults import FaultPlan
    from cluvault.emulator.request_log import Served

_RESOURCES: Final = ("dev", "prod")
_KEY_VARIABLE: Final = "CLU_KEY"
_SIGN_IN: Final = "AZURE_TENANT_ID=emulator AZURE_CLIENT_ID=owner"


@click.command("emulator", cls=Command, vault=False)
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on; see --expose.")
@click.option("--expose", is_flag=True, help="Allow a --host that other machines reach; a container needs 0.0.0.0.")
@click.option("--resource", "resources", multiple=True, metavar="NAME", help="A resource at /NAME; may be repeated.")
@click.option("--key", "keys", multiple=True, help="An accepted key; may be repeated.")
@click.option("--seed", type=click.Path(path_type=Path), help="A folder with RESOURCE/PROJECT.json files.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the state in this SQLite file.")
@click.option("--api-versions", metavar="A,B", help="Answer these only; by default all that there ever were.")
@click.option("--job-seconds", type=click.FloatRange(min=0), default=0.2, show_default=True, help="How long jobs take.")
@click.option("--limits", type=click.Choice(["documented", "off"]), default="off", show_default=True)
@click.option("--minute", type=click.FloatRange(min=0.1), help="Seconds of the limits' minute: 1 is 60 times as fast.")
@click.option("--faults", type=click.Path(path_type=Path), help="What goes wrong: rules in TOML or JSON.")
@click.option("--tls", type=click.Path(path_type=Path), metavar="FILE", help="Serve https; FILE gets the CA to trust.")
@click.option("--certificate", type=click.Path(path_type=Path), help="Serve https with this PEM certificate.")
@click.option("--private-key", type=click.Path(path_type=Path), help="The key that belongs to --certificate.")
@click.option("--quiet", "-q", is_flag=True, help="No line for each request on standard error.")
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_obj
def command(invocation: Invocation, **options: Any) -> int:
    """Run the local stand-in for the CLU authoring API until Ctrl-C or SIGTERM.

    Requests under way are finished then. Exit code 0; 2 when the port, a file or an option cannot be used.
    """
    if not (options["expose"] or _is_loopback(options["host"])):
        raise UsageError(
            f"--host {options['host']} opens the emulator to other machines",
            mend="add --expose if whoever reaches it and knows a key may use it",
        )
    server = EmulatorServer(
        _config(**options),
        host=options["host"],
        port=options["port"],
        tls=_tls(options["tls"], options["certificate"], options["private_key"]),
    )
    if not options["quiet"]:
        server.emulator.requests.tell = _teller(server, as_json=options["log_format"] == "json")
    _tell(server, ca_file=options["tls"], as_json=invocation.json)
    with _failures_told():
        server.run()
    return 0


# --- options -------------------------------------------------------------------------------------------------------


def _config(
    *,
    resources: tuple[str, ...],
    keys: tuple[str, ...],
    seed: Path | None,
    state: Path | None,
    api_versions: str | None,
    job_seconds: float,
    limits: str,
    minute: float | None,
    faults: Path | None,
    **_: object,
) -> EmulatorConfig:
    seeded = seed_resources(seed) if seed is not None else ()
    versions = api_versions.split(",") if api_versions is not None else API_VERSIONS
    return EmulatorConfig(
        resources=resources or tuple(dict.fromkeys((*_RESOURCES, *seeded))),
        keys=keys or DEFAULT_KEYS,
        seed=seed,
        state=state,
        job_seconds=job_seconds,
        limits="documented" if limits == "documented" else "off",
        minute=minute,
        faults=_read_faults(faults) if faults is not None else None,
        api_versions=tuple(name.strip() for name in versions),
    )


def _read_faults(path: Path) -> FaultPlan:
    from cluvault.emulator.faults_file import read_faults  # noqa: PLC0415  # most emulators have no faults
    from cluvault.emulator.routes import OPERATIONS  # noqa: PLC0415

    return read_faults(path, operations=[operation.title for operation in OPERATIONS])


def _tls(ca_file: Path | None, certificate: Path | None, private_key: Path | None) -> ssl.SSLContext | None:
    if ca_file is None and certificate is None and private_key is None:
        return None
    from cluvault.emulator.tls import throw_away_tls, tls_from_files  # noqa: PLC0415  # a tenth of a second

    if ca_file is not None and certificate is None and private_key is None:
        return throw_away_tls(ca_file)
    if ca_file is None and certificate is not None and private_key is not None:
        return tls_from_files(certificate, private_key)
    raise UsageError("https takes either --tls, or --certificate with --private-key")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# --- what is shown -------------------------------------------------------------------------------------------------


def _tell(server: EmulatorServer, *, ca_file: Path | None, as_json: bool) -> None:
    """Say where everything is. Keys that were given stay with whoever gave them."""
    config = server.emulator.config
    endpoints = {name: server.resource_url(name) for name in config.resources}
    if as_json:
        from cluvault.cli.render import print_json  # noqa: PLC0415

        print_json({"url": server.url, "resources": endpoints})
        sys.stdout.flush()  # whoever reads it waits for it
        return
    keys = " and ".join(DEFAULT_KEYS) if config.keys == DEFAULT_KEYS else "as given"
    click.echo(f"emulator at {server.url}, keys {keys}")
    for name, endpoint in endpoints.items():
        click.echo(f"  {name}: {endpoint}")
    key = DEFAULT_KEYS[0] if config.keys == DEFAULT_KEYS else "…"
    trust = ""
    if ca_file is not None:
        trust = f'ca-file = "{ca_file.resolve().as_posix()}"\n'
        click.echo(f"\nOther programs trust it with\n  export SSL_CERT_FILE={ca_file.resolve()}")
        click.echo(
            f"and get tokens with\n  export AZURE_AUTHORITY_HOST={server.url} {_SIGN_IN} AZURE_CLIENT_SECRET={key}"
        )
    click.echo(f"\nWhat it holds: {server.url}/\nIn cluvault.toml, with export {_KEY_VARIABLE}={key}:\n")
    for name, endpoint in endpoints.items():
        limits = 'limits = "off"\n' if config.limits == "off" else ""
        click.echo(f'[resources.{name}]\nendpoint = "{endpoint}"\nkey = {{ env = "{_KEY_VARIABLE}" }}\n{trust}{limits}')


@contextmanager
def _failures_told() -> Generator[None]:
    """The emulator's own failures go to standard error, with their traceback."""
    log, handler = logging.getLogger("cluvault.emulator"), logging.StreamHandler(sys.stderr)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _teller(server: EmulatorServer, *, as_json: bool) -> Callable[[Served], None]:
    """Writes the line of a request; when nobody can read it any more, no more are written."""
    from cluvault.emulator import request_log  # noqa: PLC0415

    is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")

    def line(served: Served) -> str:
        if as_json:
            return request_log.as_json(served)
        text = clean(request_log.as_text(served))
        colour = request_log.colour_of(served)
        return click.style(text, fg=colour) if is_coloured and colour else text

    def tell(served: Served) -> None:
        try:
            sys.stderr.write(line(served) + "\n")
            sys.stderr.flush()
        except OSError:
            server.emulator.requests.tell = None

    return tell
