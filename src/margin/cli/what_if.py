"""`margin-engine what-if`: the requirement of an account after trades, and the smallest trades that cure a shortfall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from margin.cli import options
from margin.cli.tables import mark, output_options, show
from margin.errors import DataError

SHOWN = 50


@click.command("what-if", short_help="Margin one account after trades; find the smallest that cure a shortfall.")
@options.snapshot_argument
@click.argument("account")
@options.regime_options
@click.option(
    "--trade",
    "written",
    multiple=True,
    metavar="INSTRUMENT:QUANTITY[@PRICE]",
    help="A trade, contracts bought above zero, by default at the mark; may be given several times.",
)
@click.option("--together", is_flag=True, help="Do all trades at once [default: each is a candidate of its own]")
@click.option(
    "--trades",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Table of candidate trades, Parquet or CSV: instrument, quantity, optional price, candidate, side.",
)
@click.option(
    "--order",
    "orders",
    multiple=True,
    metavar="INSTRUMENT:QUANTITY@PRICE",
    help="An order: may the account place it? May be given several times, each is checked alone.",
)
@click.option("--cure", "to_cure", is_flag=True, help="Find the smallest trades that end the shortfall.")
@click.option(
    "--requirement", type=click.Choice(["initial", "maintenance"]), default="initial", show_default=True, help="For --cure."
)
@output_options
def what_if(
    snapshot: Path,
    account: str,
    written: Sequence[str],
    together: bool,
    file: Path | None,
    orders: Sequence[str],
    to_cure: bool,
    requirement: Any,
    as_json: bool,
    output: Path | None,
    **regime: Any,
) -> None:
    """Show one ACCOUNT of SNAPSHOT before and after trades, whether it may place orders, or what cures its shortfall.

    \b
    Example:
      margin-engine what-if demo/snapshot acct-0000001 --trade BTC-PERPETUAL:-1000 --venue deribit --mode cross_portfolio
      margin-engine what-if demo/snapshot acct-0000001 --order BTC-PERPETUAL:1000@70000 --venue deribit --mode cross_portfolio
      margin-engine what-if demo/snapshot acct-0000001 --cure --venue deribit --mode cross_portfolio
    """
    from margin import io
    from margin.analysis.cure import cure
    from margin.analysis.order_check import check_orders
    from margin.analysis.what_if import what_if as after_trades

    if to_cure + bool(file) + bool(written) + bool(orders) != 1:
        raise click.UsageError("give one of --trade, --trades, --order and --cure")
    placed = _parsed(orders, option="--order", together=False)
    trades = _read(file) if file is not None else _parsed(written, option="--trade", together=together)
    loaded = io.read_snapshot(snapshot)
    key = options.account_key(loaded.book, account)
    rules = options.regime_of(snapshot, **regime)(loaded.market)
    if not as_json:
        mark(rules)
    if to_cure:
        cures = cure(rules, loaded.book, loaded.market, key, requirement=requirement)
        if len(cures.instruments) or as_json or output is not None:
            show(cures.title, cures.columns(), as_json=as_json, output=output, full=True)
        else:
            click.echo(cures.title)
        return
    book = loaded.book.select([key])
    if orders:
        del placed["candidate"]
        checked = check_orders(rules, book, loaded.market, {"account": [key] * len(orders), **placed})
        show(checked.title, checked.columns(), as_json=as_json, output=output, rows=SHOWN, full=True)
        return
    found = after_trades(rules, book, loaded.market, trades, account=key)
    columns = found.columns()
    if file is None and not together:
        columns["candidate"] = list(written)
    elif file is None:
        columns["candidate"] = [", ".join(written)]
    show(found.title, columns, as_json=as_json, output=output, rows=SHOWN, full=True)


def _parsed(written: Sequence[str], *, option: str, together: bool) -> dict[str, list[Any]]:
    """Trades or orders as they are written on the command line, as a table; an order needs a price."""
    table: dict[str, list[Any]] = {"instrument": [], "quantity": [], "price": [], "candidate": []}
    for number, text in enumerate(written):
        instrument, colon, rest = text.rpartition(":")
        quantity, at, price = rest.partition("@")
        try:
            amounts = float(quantity), float(price) if at else None
        except ValueError:
            colon = ""
        if not colon or not instrument or (option == "--order" and not at):
            forms = "INSTRUMENT:QUANTITY@PRICE" if option == "--order" else "INSTRUMENT:QUANTITY or INSTRUMENT:QUANTITY@PRICE"
            raise click.BadParameter(f"{text!r} is not {forms}", param_hint=option)
        table["instrument"].append(instrument)
        table["quantity"].append(amounts[0])
        table["price"].append(amounts[1])
        table["candidate"].append(0 if together else number)
    return table if any(p is not None for p in table["price"]) else {k: v for k, v in table.items() if k != "price"}


def _read(file: Path) -> object:
    """A table of trades from a file."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        if file.suffix.lower() == ".csv":
            return pyarrow.csv.read_csv(file)
        return pyarrow.parquet.read_table(file)
    except pa.ArrowInvalid as error:
        hint = "Give a Parquet file, or one that ends in .csv."
        raise DataError(f"{file} cannot be read: {error}", table="trades", hint=hint) from None
