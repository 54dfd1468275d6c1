"""The group of all commands: what they share, how errors end and which exit code they give."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any, NoReturn

import click

import margin
from margin.cli.backtest import backtest
from margin.cli.compare import compare
from margin.cli.demo import demo
from margin.cli.explain import explain
from margin.cli.impact import impact
from margin.cli.liquidation_prices import liquidation_prices
from margin.cli.params import params
from margin.cli.recorded import recorded
from margin.cli.report import report
from margin.cli.run import run
from margin.cli.simulate import simulate
from margin.cli.synthetic import synthetic
from margin.cli.verify import verify
from margin.cli.what_if import what_if
from margin.errors import MarginError

OK, FAILED, WRONG_INPUT, BUG, INTERRUPTED, CLOSED = 0, 1, 2, 70, 130, 141

EPILOG = """\b
Exit codes:
    0  done
    1  verify: a published number was not reproduced
    2  wrong usage or wrong input; the message says where
   70  an error of the program itself
  130  interrupted (Ctrl-C or SIGTERM); no half-written file stays behind
  141  whoever read the output stopped reading

--debug, or MARGIN_DEBUG=1, shows the traceback of an error."""


class Application(click.Group):
    """A click group that turns exceptions into messages and exit codes, and lists commands in order of use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of `COMMANDS`, not of the alphabet."""
        return [command.name or "" for command in COMMANDS]

    def invoke(self, ctx: click.Context) -> Any:
        """Run; a reader that stops reading is told from a failure, for both of which click would exit with 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise click.exceptions.Exit(CLOSED) from None

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run and exit; never returns, never shows a traceback unless asked to."""
        kwargs["standalone_mode"] = False
        previous = signal.signal(signal.SIGTERM, _terminated)
        try:
            code = super().main(*args, **kwargs)
            sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 - the last door: every way to end gets its exit code
            code = _ended_by(error)
        finally:
            signal.signal(signal.SIGTERM, previous)
        sys.exit(code if isinstance(code, int) else OK)


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    """Let SIGTERM unwind the stack, so that temporary files are removed."""
    raise KeyboardInterrupt


def _ended_by(error: BaseException) -> int:
    """Say what went wrong on stderr and give the exit code."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else FAILED
    if isinstance(error, BrokenPipeError):
        # Python flushes stdout once more at exit; there must be somewhere for it to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED
    if isinstance(error, KeyboardInterrupt | click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    if isinstance(error, click.UsageError) and error.ctx is not None:
        click.echo(error.ctx.get_usage(), err=True)
        click.echo(f"error: {error.format_message()} (see {error.ctx.command_path} --help)", err=True)
        return WRONG_INPUT
    if _debug():
        traceback.print_exception(error)
    if isinstance(error, click.ClickException):
        click.echo(f"error: {error.format_message()}", err=True)
        return WRONG_INPUT
    if isinstance(error, MarginError | OSError):
        click.echo(f"error: {error}", err=True)
        return WRONG_INPUT
    if isinstance(error, MemoryError):
        click.echo("error: not enough memory; fewer threads or a smaller snapshot needs less", err=True)
        return WRONG_INPUT
    click.echo(f"internal error: {type(error).__name__}: {error}", err=True)
    if not _debug():
        click.echo("Please report it with what --debug shows.", err=True)
    return BUG


def _debug() -> bool:
    return os.environ.get("MARGIN_DEBUG", "") not in ("", "0")


def _set_debug(_ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        os.environ["MARGIN_DEBUG"] = "1"


@click.group(cls=Application, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(margin.__version__, prog_name="margin-engine")
@click.option("--debug", is_flag=True, expose_value=False, callback=_set_debug, help="Show tracebacks.")
def application() -> None:
    """Margin requirements of real venues, for one account or for a whole exchange.

    \b
    Try:
      margin-engine demo
      margin-engine run demo/snapshot -o result --venue deribit --mode cross_portfolio
    """


COMMANDS = (
    demo,
    run,
    report,
    explain,
    what_if,
    compare,
    impact,
    liquidation_prices,
    simulate,
    params,
    verify,
    synthetic,
    recorded,
    backtest,
)
for command in COMMANDS:
    application.add_command(command)
