"""The command line: which commands there are, and how errors become one line and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

import click

from cluvault import __version__
from cluvault.cli.invocation import Invocation
from cluvault.cli.render import complain
from cluvault.errors import CluvaultError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNEXPECTED: Final = 1
INTERRUPTED: Final = 130
_COMPLETE: Final = "_CLUVAULT_COMPLETE"

COMMANDS: Final[Mapping[str, str]] = {
    "demo": "The main job on embedded defaults: no account, no network, no configuration.",
    "emulator": "Run the local stand-in for the CLU authoring API.",
    "projects": "List the projects of a resource, with their last snapshots.",
    "backup": "Export projects and store what changed.",
    "snapshots": "List the snapshots in the vault.",
    "show": "Show one snapshot.",
    "cat": "Write the exact config.json of a snapshot, live project or file.",
    "diff": "Show the semantic difference of two project files.",
    "drift": "Show where two resources differ, who is ahead, and what was edited directly.",
    "restore": "Import a snapshot or file into a resource, proven by exporting it again.",
    "create": "Create a project and seed it.",
    "intake": "Import what is put into an inbox of a bucket or container.",
    "listen": "Take events in over HTTPS: CloudEvents and Event Grid.",
    "promote": "Bring a project to the next environment, proven by a gate there before it serves.",
    "approve": "Agree to a promotion that waits for a person, or reject it.",
    "rollback": "Undo the last promotion of a project.",
    "recover": "End the promotions that a crash left, forwards or back.",
    "replicate": "Keep a second resource equal to the first, for a fail-over.",
    "promotions": "List the promotions, what became of them and who asked for them.",
    "cleanup": "Delete stale projects; each is kept in the vault first.",
    "prune": "Remove the snapshots that no retention rule keeps.",
    "copy": "Bring the snapshots to a second vault, proved on both sides.",
    "hold": "Keep a snapshot from every prune, release it, or list what is held.",
    "verify": "Read snapshots back and compare them with their manifests.",
    "deploy": "Put the flows on a Prefect server: pool, deployments with schedules, automations.",
    "serve": "Deploy, and run what is due on this machine, without a work pool.",
    "status": "Put every project beside its objectives: freshness, drills, size, expiry; for monitoring.",
    "report": "Write one page for people: state, history, runs, promotions and changes.",
    "validate": "Check project files against the service's limits and rules.",
}
"""Name → help. A command's module is imported when it is called, so that the others start at once."""


class Commands(click.Group):
    """The commands, each in its own module."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order of a day's work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        if cmd_name not in COMMANDS:
            return None
        return cast("click.Command", import_module(f"cluvault.cli.commands.{cmd_name}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches  # noqa: PLC0415  # only a typing error needs it

            close = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(COMMANDS)}"
            ctx.fail(f"no command is called {name!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="cluvault")
def cli() -> None:
    """Verified backups, restore, seeding and safe clean-up for Azure CLU projects."""


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 usage, 3 in part, 4 refused, 5 damage."""
    if instruction := os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete  # noqa: PLC0415  # the shell asks, not a person

        return shell_complete(cli, {}, "cluvault", _COMPLETE, instruction)
    debug = "--debug" in arguments
    try:
        return _invoke(arguments)
    except click.exceptions.Exit as err:
        return err.exit_code
    except click.exceptions.NoArgsIsHelpError as err:
        err.show()
        return err.exit_code
    except click.ClickException as err:
        return _fail(_sentence(err), err.exit_code, debug=debug)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted; nothing half-written is listed, run the command again", INTERRUPTED, debug=debug)
    except CluvaultError as err:
        return _fail(str(err), err.exit_code, debug=debug)
    except OSError as err:
        what = f"{err.filename}: " if err.filename else "standard output: " if _is_full(err) else ""
        return _fail(f"{what}{err.strerror or err}", UNEXPECTED, debug=debug)
    except Exception as err:  # noqa: BLE001  # the last line of defence: a sentence instead of a stack trace
        text = f"unexpected {type(err).__name__}: {err}; run again with --debug and report it"
        return _fail(text, UNEXPECTED, debug=debug)


def _invoke(arguments: Sequence[str]) -> int:
    # click's own `main` would print an empty line at Ctrl-C
    with cli.make_context("cluvault", list(arguments), obj=Invocation()) as context:
        result: object = cli.invoke(context)
    sys.stdout.flush()  # here a full disk is still told properly
    return result if isinstance(result, int) else 0


def _sentence(err: click.ClickException) -> str:
    message = err.format_message().rstrip(".")
    context = err.ctx if isinstance(err, click.UsageError) else None
    return f"{message}; see {context.command_path} --help" if context is not None else message


def _is_full(err: OSError) -> bool:
    from errno import EDQUOT, ENOSPC  # noqa: PLC0415  # only a failure needs it

    return err.errno in (ENOSPC, EDQUOT)


def _fail(message: str, code: int, *, debug: bool) -> int:
    if debug:
        import traceback  # noqa: PLC0415  # only a failure needs it

        traceback.print_exc()
    complain(message)
    return code
