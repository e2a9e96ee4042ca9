"""What every command shares: configuration, verbosity, JSON or tables, running an operation or its flow."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tomllib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cluvault.errors import ConfigurationError, UsageError
from cluvault.settings import Settings, find_config, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from pydantic import BaseModel

    from cluvault.ops.workspace import Workspace

T = TypeVar("T")


@dataclass
class Invocation:
    """One call of the command line."""

    config: str | None = None
    json: bool = False
    verbose: int = 0
    debug: bool = False

    @property
    def config_path(self) -> Path | None:
        """The configuration file that counts for this call."""
        return find_config(self.config, environment=os.environ, directory=Path.cwd())

    def settings(self) -> Settings:
        """The configuration."""
        return load_settings(self.config_path, environment=os.environ)

    def work(self, operation: Callable[[Workspace], Coroutine[Any, Any, T]]) -> T:
        """Run an operation in a workspace of the configuration."""
        from cluvault.ops.workspace import Workspace  # noqa: PLC0415  # commands without a vault start without it

        settings = self.settings()

        async def inside() -> T:
            async with Workspace(settings, prefect_secret=_secret_reader(settings)) as workspace:
                return await operation(workspace)

        return asyncio.run(inside())

    def act(
        self,
        name: str,
        options: BaseModel,
        directly: Callable[[Workspace], Coroutine[Any, Any, T]],
        *,
        by_flow: bool | None,
    ) -> T:
        """Run the Prefect flow `name` when a Prefect API is configured or asked for, else the operation itself."""
        if by_flow if by_flow is not None else has_prefect_api(os.environ):
            return self._run_flow(name, options)
        return self.work(directly)

    def _run_flow(self, name: str, options: BaseModel) -> Any:
        self.settings()  # a bad configuration is told before Prefect starts
        if self.config is not None:
            os.environ["CLUVAULT_CONFIG"] = str(Path(self.config).resolve())
        flow = getattr(import_module(f"flows.{name}"), name)
        try:
            return asyncio.run(flow(options))
        except RuntimeError as err:
            if "Failed to reach API" not in str(err):
                raise
            raise ConfigurationError(
                f"the Prefect API at {os.environ.get('PREFECT_API_URL', 'the active profile')} does not answer",
                mend="start it, correct PREFECT_API_URL, or run with --no-flow",
            ) from err


def has_prefect_api(environment: Mapping[str, str]) -> bool:
    """Whether this user's Prefect has an API: PREFECT_API_URL, or the active profile names one."""
    if environment.get("PREFECT_API_URL"):
        return True
    home = Path(environment.get("PREFECT_HOME") or "~/.prefect").expanduser()
    try:
        profiles = tomllib.loads((home / "profiles.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    active = profiles.get("profiles", {}).get(environment.get("PREFECT_PROFILE") or profiles.get("active"), {})
    return bool(active.get("PREFECT_API_URL"))


def _secret_reader(settings: Settings) -> Callable[[str], Any] | None:
    """Prefect is imported only for a configuration that keeps a key in a Prefect block."""
    if any(one.key is not None and one.key.prefect_secret is not None for one in settings.resources.values()):
        return import_module("tasks.running").read_secret_block
    return None


class Command(click.Command):
    """A command with the options that all commands have."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [
            click.Option(["--config"], metavar="FILE", help="Configuration file (default: ./cluvault.toml)."),
            click.Option(["--json"], is_flag=True, help="Print JSON for programs."),
            click.Option(["-v", "--verbose"], count=True, help="Show the HTTP calls, without secrets."),
            click.Option(["--debug"], is_flag=True, help="Show the stack trace of an error."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Take the shared options out of the parameters before the command sees its own."""
        invocation = ctx.find_object(Invocation) or Invocation()
        for name in ("config", "json", "verbose", "debug"):
            setattr(invocation, name, ctx.params.pop(name))
        _show_calls(invocation.verbose)
        ctx.obj = invocation
        try:
            return super().invoke(ctx)
        except ValueError as err:  # pydantic's check of a command's options
            errors = getattr(err, "errors", None)
            if errors is None:
                raise
            fault = errors()[0]
            where = ".".join(map(str, fault["loc"]))
            raise UsageError(f"--{where.replace('_', '-')}: {fault['msg']}") from err


def flow_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--flow/--no-flow`, for commands that act."""
    text = "Run as a Prefect flow, or directly; by default as a flow when a Prefect API is configured."
    return click.option("--flow/--no-flow", "by_flow", default=None, help=text)(command)


def _show_calls(verbose: int) -> None:
    if verbose:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(message)s"))
        logger = logging.getLogger("cluvault")
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
