"""What every command shares: configuration, verbosity, JSON or tables, running an operation or its flow."""

from __future__ import annotations

import logging
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from cluvault.cli.text import clean
from cluvault.errors import ConfigurationError, UsageError
from cluvault.tracing import span, start_tracing

# Settings, workspace and asyncio are imported by the methods that need them: `--help` and `validate` start sooner.

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping

    from pydantic import BaseModel

    from cluvault.ops.announcements import Announcement
    from cluvault.ops.workspace import Workspace
    from cluvault.settings import Settings

T = TypeVar("T")
OptionsT = TypeVar("OptionsT", bound="BaseModel")


@dataclass
class Invocation:
    """One call of the command line."""

    config: str | None = None
    vault: str | None = None
    json: bool = False
    verbose: int = 0
    debug: bool = False

    def settings(self) -> Settings:
        """The configuration."""
        from cluvault.settings import find_config, load_settings  # noqa: PLC0415

        path = find_config(self.config, environment=os.environ, directory=Path.cwd())
        return load_settings(path, environment=os.environ, vault=self.vault)

    def work(
        self,
        operation: Callable[[Workspace], Coroutine[Any, Any, T]],
        *,
        kind: str = "",
        options: BaseModel | None = None,
        by_events: bool = False,
    ) -> T:
        """Run an operation in a workspace of the configuration; one that acts has a kind, and is announced.

        `by_events` is for what is no flow and is to be known to Prefect all the same, where it has an API.
        """
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # finding them reads every package's metadata
        import asyncio  # noqa: PLC0415

        from cluvault.cli.render import remark  # noqa: PLC0415
        from cluvault.memory import give_back_large_blocks  # noqa: PLC0415
        from cluvault.ops.announcements import announcing  # noqa: PLC0415
        from cluvault.ops.workspace import Workspace  # noqa: PLC0415

        give_back_large_blocks()
        settings = self._own_settings()
        on_event = self._prefect_events() if by_events and has_prefect_api(os.environ) else _ignore

        async def inside() -> T:
            async with Workspace(
                settings, prefect_secret=_secret_reader(settings), on_event=on_event, on_wait=remark
            ) as workspace:
                if not kind:
                    return await operation(workspace)
                async with announcing(workspace, kind, options, warn=_warn):
                    return await operation(workspace)

        return asyncio.run(inside())

    def _own_settings(self) -> Settings:
        """The configuration, where no flow lays blocks over it."""
        named = self.vault or os.environ.get("CLUVAULT_VAULT", "")
        if named.startswith("block:"):
            raise ConfigurationError(
                f"the vault {named} is a Prefect block, which only flows open",
                mend="run the command with --flow, or name the vault's URL",
            )
        return self.settings()

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
        return self.work(directly, kind=name, options=options)

    def _prefect_events(self) -> Callable[[Announcement], None]:
        self._quieten_prefect()
        return import_module("tasks.emitting").emit

    def _quieten_prefect(self) -> None:
        """Prefect logs a failure with its stack trace; people get our one line, the API the logs."""
        if not self.verbose:
            os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

    def _run_flow(self, name: str, options: BaseModel) -> Any:
        import asyncio  # noqa: PLC0415

        self.settings()  # a bad configuration is told before Prefect starts
        if self.config is not None:
            os.environ["CLUVAULT_CONFIG"] = str(Path(self.config).resolve())
        if self.vault is not None:
            os.environ["CLUVAULT_VAULT"] = self.vault
        self._quieten_prefect()
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
    import tomllib  # noqa: PLC0415

    home = Path(environment.get("PREFECT_HOME") or "~/.prefect").expanduser()
    try:
        profiles = tomllib.loads((home / "profiles.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return False
    name = environment.get("PREFECT_PROFILE") or profiles.get("active")
    try:
        return bool(profiles["profiles"][name]["PREFECT_API_URL"])
    except (KeyError, TypeError):
        return False


def _ignore(_announcement: Announcement) -> None:
    """Nobody listens."""


def _warn(sentence: str) -> None:
    print(f"warning: {clean(sentence)}", file=sys.stderr)


def _secret_reader(settings: Settings) -> Callable[[str], Any] | None:
    """Prefect is imported only for a configuration that keeps a secret in a Prefect block."""
    if any(name.prefect_secret is not None for name in settings.secret_names()):
        return import_module("tasks.running").read_secret_block
    return None


_WAITS: Final = "cluvault.vault.patient"
"""Whose log lines say that a store is waited for, maybe for minutes: nobody should wonder why nothing moves."""


class Command(click.Command):
    """A command with the options that all commands have; `--vault` only where `vault` says that it opens one."""

    def __init__(self, *args: Any, vault: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if vault:
            text = "Another vault than that of the configuration: a name of vault.copies, or a URL."
            self.params.append(click.Option(["--vault"], metavar="NAME|URL", help=text))
        self.params += [
            click.Option(["--config"], metavar="FILE", help="Configuration file (default: ./cluvault.toml)."),
            click.Option(["--json"], is_flag=True, help="Print JSON for programs."),
            click.Option(["-v", "--verbose"], count=True, help="Show the HTTP calls, without secrets."),
            click.Option(["--debug"], is_flag=True, help="Show the stack trace of an error."),
        ]

    def invoke(self, ctx: click.Context) -> Any:
        """Take the shared options out of the parameters before the command sees its own."""
        invocation = ctx.find_object(Invocation) or Invocation()
        invocation.vault = ctx.params.pop("vault", None)
        for name in ("config", "json", "verbose", "debug"):
            setattr(invocation, name, ctx.params.pop(name))
        ctx.obj = invocation
        with _calls_shown(verbose=bool(invocation.verbose), debug=invocation.debug):
            start_tracing(os.environ, warn=_warn)
            with span(f"cluvault {self.name}") as found:
                code = super().invoke(ctx)
                if isinstance(code, int) and code:
                    found.note({"cluvault.exit_code": code})
                    found.fail(f"exit code {code}")
                return code


def options_of(model: type[OptionsT], **values: Any) -> OptionsT:
    """Build an operation's options from a command's parameters of the same names.

    Raises:
        UsageError: a value is out of bounds; names the option as the user wrote it.
    """
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        return model.model_validate(values)
    except ValidationError as err:
        fault = err.errors(include_url=False, include_input=False)[0]
        reason = fault["msg"].removeprefix("Value error, ").removeprefix("Input ")
        raise UsageError(f"{_written(str(fault['loc'][0]))}: {reason}") from err


def flow_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--flow/--no-flow`, for commands that act."""
    text = "Run as a Prefect flow, or directly; by default as a flow when a Prefect API is configured."
    return click.option("--flow/--no-flow", "by_flow", default=None, help=text)(command)


def _written(name: str) -> str:
    """How the user writes a parameter of the command that runs: `--tag` for `tags`."""
    params = {param.name: param for param in click.get_current_context().command.params}
    param = params[name]
    return param.opts[0] if isinstance(param, click.Option) else param.human_readable_name


@contextmanager
def _calls_shown(*, verbose: bool, debug: bool) -> Generator[None]:
    """Show the library's log lines with `-v`; else only what is waited for: an error is one line."""
    logger, waits = logging.getLogger("cluvault"), logging.getLogger(_WAITS)
    handler = logging.StreamHandler(sys.stderr) if verbose else logging.NullHandler()
    handler.setFormatter(_Lines("%(asctime)s %(name)s %(message)s", stack_traces=debug))
    waiting = logging.NullHandler() if verbose else _Remarks()
    before = logger.level
    logger.addHandler(handler)
    waits.addHandler(waiting)
    if verbose:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        waits.removeHandler(waiting)
        logger.removeHandler(handler)
        logger.setLevel(before)


class _Remarks(logging.Handler):
    """Tells people, above a progress bar if there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        from cluvault.cli.render import remark  # noqa: PLC0415  # most commands wait for nothing

        remark(f"warning: {record.getMessage()}")


class _Lines(logging.Formatter):
    """One printable line a record; stack traces only when they were asked for."""

    def __init__(self, pattern: str, *, stack_traces: bool) -> None:
        super().__init__(pattern)
        self._stack_traces = stack_traces

    def format(self, record: logging.LogRecord) -> str:
        line = clean(self.formatMessage(self._with_message(record)))
        if record.exc_info and self._stack_traces:
            return f"{line}\n{self.formatException(record.exc_info)}"
        return line

    def _with_message(self, record: logging.LogRecord) -> logging.LogRecord:
        record.message = record.getMessage()
        record.asctime = self.formatTime(record)
        return record
