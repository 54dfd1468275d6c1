"""From result folders to a page on disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from margin import io
from margin.batch.inputs import file_hashes
from margin.errors import DataError, MarginError
from margin.ids import Ids
from margin.io.files import replacing
from margin.io.snapshot import Snapshot
from margin.report.accounts import AccountDetail, details
from margin.report.aggregates import Aggregates, aggregate
from margin.report.page import Page, render
from margin.report.results import Result
from margin.report.shocked import Stressed, stress_table
from margin.venues.named import NamedRegime

DRAWN, LISTED = 3, 100
"""Accounts that are drawn if none are named, and rows in the lists of pools."""


def report(
    results: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    accounts: Sequence[str] = (),
    drawn: int = DRAWN,
    listed: int = LISTED,
    snapshot: str | Path | None = None,
    stress: bool = False,
    threads: int = 0,
    title: str = "Margin report",
    on_progress: Callable[[str, float], None] | None = None,
) -> Page:
    """Write one HTML file about the results of one or more runs.

    Parameters
    ----------
    results : path or sequence of paths
        Output folders of `margin.batch.run`; several are the modes of one exchange, and their accounts are taken as different.
    output : path
        The file.
    accounts : sequence of str
        Accounts to draw, each found in the first result whose snapshot has it. By default the nearest to liquidation.
    drawn : int
        How many to draw of the nearest, if `accounts` is empty.
    listed : int
        Rows in the lists of pools nearest to and in liquidation.
    snapshot : path, optional
        Where the snapshot is; by default where the run found it. Without it no account is drawn, and the page says so.
    stress : bool
        Margin all accounts after each shock of a list; takes as many runs.
    threads : int
        For the stress table; 0 takes all processors.
    title : str
    on_progress : callable, optional
        Called with the stage (read, stress, accounts, write) and the fraction of it that is done.

    Returns
    -------
    Page
        What the file shows.

    Raises
    ------
    DataError
        If a folder is no result, or an account, a snapshot or rules that were asked for cannot be had.
    MissingExtraError
        If jinja2, plotly or pyarrow is not installed.
    """
    show = on_progress or (lambda _stage, _done: None)
    show("read", 0.0)
    folders = [results] if isinstance(results, str | Path) else list(results)
    if not folders:
        raise DataError("there is no result to report on", hint="Give the output folder of margin-engine run.")
    opened = [Result.open(Path(folder)) for folder in folders]
    found = []
    for number, result in enumerate(opened, start=1):
        found.append(aggregate(result, nearest=listed))
        show("read", number / len(opened))
    missing: list[str] = []
    tables: list[tuple[str, tuple[Stressed, ...]]] = []
    shown: list[AccountDetail] = []
    wanted = list(accounts)
    show("accounts", 0.0)
    for result, sums in zip(opened, found, strict=True):
        names = wanted or _nearest(sums, found, drawn)
        if not names and not stress:
            continue
        try:
            loaded = _snapshot(result, snapshot)
            named = NamedRegime.from_record(_record(result))
            regime = named.same_as(loaded.market, str(result.manifest["parameters"].get("parameters", "")))
        except MarginError as error:
            if accounts or stress or snapshot is not None:
                raise
            missing.append(f"No single accounts of {result.regime}: {error}")
            continue
        if stress:
            show("stress", 0.0)
            tables.append((result.regime, stress_table(regime, loaded.market, loaded.book, threads=threads)))
            show("stress", len(tables) / len(opened))
        here = [name for name in names if name in _ids(loaded, names)]
        shown += details(named, regime, loaded.market, loaded.book, here)
        wanted = [name for name in wanted if name not in here]
        if accounts and not wanted and not stress:
            break
    if accounts and wanted:
        raise DataError(f"account {wanted[0]!r} is not in the snapshot", value=wanted[0], count=len(wanted))
    show("accounts", 1.0)
    show("write", 0.0)
    page = Page(
        title=title,
        manifests=tuple(result.manifest for result in opened),
        results=tuple(found),
        accounts=tuple(shown),
        stress=tuple(tables),
        missing=tuple(missing),
    )
    text = render(page)
    with replacing(Path(output)) as partial:
        partial.write_text(text, encoding="utf-8")
    show("write", 1.0)
    return page


def _nearest(sums: Aggregates, every: Sequence[Aggregates], drawn: int) -> list[str]:
    """Those of the accounts nearest to liquidation, over all results, that are of this one; behind them those in it."""
    alive, gone = ([row for result in every for row in getattr(result, name)] for name in ("nearest", "short"))
    rows = [row for found in (alive, gone) for row in sorted(found, key=lambda row: -row.order)]
    first = list(dict.fromkeys((row.mode, row.account) for row in rows))[:drawn]
    return [account for mode, account in first if mode == sums.mode]


def _snapshot(result: Result, given: str | Path | None) -> Snapshot:
    """The snapshot of a run, if it is what the run read."""
    recorded = result.manifest.get("snapshot_path", result.manifest["snapshot"])
    path = Path(given if given is not None else recorded)
    if not path.exists():
        raise DataError(f"the snapshot {path} is not there", hint="Say with --snapshot where it is.")
    changed = [name for name, facts in file_hashes(path).items() if result.manifest["files"].get(name) != facts]
    if changed:
        raise DataError(
            f"{path / changed[0] if path.is_dir() else path} is not the file that the run in {result.folder} read",
            count=len(changed),
            hint="Margin the snapshot again, or give the one that it was with --snapshot.",
        )
    return io.read_snapshot(path)


def _record(result: Result) -> dict[str, object]:
    named = result.manifest.get("named")
    if not isinstance(named, dict):
        message = f"the manifest of {result.folder} does not say how its rules are asked for"
        raise DataError(message, hint="Run it again with margin-engine run, or give run() a NamedRegime.")
    return named


def _ids(loaded: Snapshot, names: Sequence[str]) -> set[str]:
    """Those of the accounts, as text, that the snapshot has."""
    ids = loaded.book.accounts
    keys: list[str | int] = [*names]
    if ids.is_integer:
        keys = [int(name) for name in names if name.lstrip("-").isdigit()]
    if not keys:
        return set()
    return {str(key) for key, code in zip(keys, Ids.of(keys).lookup(ids), strict=True) if code >= 0}
