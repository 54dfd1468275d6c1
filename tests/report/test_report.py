"""Results read back: sums block by block, what is left out and why, refusals."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import pytest

from margin import Regime, batch
from margin.errors import DataError, MissingExtraError, ParameterError
from margin.params import STATUSES
from margin.report import report, results
from margin.report.accounts import waterfall
from margin.report.aggregates import aggregate
from margin.report.page import as_json, money, percent, short
from margin.report.results import Result
from margin.report.shocked import CURVE, _steps
from margin.venues.named import NamedRegime

pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def copy(made, tmp_path):
    """A result that a test may damage."""
    return shutil.copytree(made.results[0], tmp_path / "copy")


def change_manifest(folder, **changes):
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize("which", [0, 1])
def test_sums_are_those_of_the_manifest_whatever_the_blocks(made, monkeypatch, which):
    result = Result.open(made.results[which])
    whole = aggregate(result, nearest=20)
    monkeypatch.setattr(results, "BLOCK", 37)
    parts = aggregate(result, nearest=20)
    for name in ("accounts", "pools", "pools_by_status", "nearest", "short"):
        assert getattr(whole, name) == getattr(parts, name)
    assert whole.components == pytest.approx(parts.components)
    assert whole.units == pytest.approx(parts.units)
    assert [s.fraction for s in whole.shares] == pytest.approx([s.fraction for s in parts.shares])
    totals = {t["currency"]: t for t in result.manifest["totals"]}
    for row in whole.currencies:
        for name, other in (("equity", "equity"), ("initial", "initial_margin"), ("shortfall", "shortfall"), ("pools", "pools")):
            assert getattr(row, name) == pytest.approx(totals[row.currency][other], rel=1e-9, abs=1e-9)
    assert sum(b.pools for b in whole.bins) == whole.pools
    assert sum(whole.components.values()) == pytest.approx(whole.usd("initial"), rel=1e-6)


def test_shares_are_of_accounts_not_of_pools(made):
    result = Result.open(made.results[1])
    table = pq.read_table(made.results[1] / "assessments.parquet").to_pylist()
    worth, sums = result.usd(), {}
    for row in table:
        sums[row["account"]] = sums.get(row["account"], 0.0) + row["maintenance_margin"] * worth[row["currency"]]
    found = aggregate(result, nearest=1)
    largest = sorted(sums.values(), reverse=True)
    assert found.shares[1].maintenance_usd == pytest.approx(sum(largest[:10]))
    part = np.array(largest) / sum(largest)
    assert found.effective_accounts == pytest.approx(1 / (part**2).sum())


def test_the_stress_table_starts_where_the_run_ended(made):
    for (mode, rows), result in zip(made.page.stress, made.page.results, strict=True):
        assert mode == result.mode
        assert rows[0].shock == "as it is"
        assert rows[0].initial == pytest.approx(result.usd("initial"), rel=1e-9)
        assert rows[0].shortfall == pytest.approx(result.usd("shortfall"), rel=1e-9)
        assert rows[0].liquidated == result.accounts_by_status["liquidation"]
        assert rows[3].shock == "price -30 %"


def test_accounts_drawn_are_the_assessed(made):
    for account in made.page.accounts:
        assert len(account.modes) == 4
        own = next(row for row in account.modes if row.own)
        assert own.initial == pytest.approx(account.initial)
        here = account.curve.change.index(0.0)
        assert account.curve.initial[here] == pytest.approx(account.initial)
        surface = account.surface
        at = surface.vols.index(0.0), surface.prices.index(0.0)
        assert surface.maintenance[at] == pytest.approx(account.maintenance)
        for pool in account.pools:
            assert pool.waterfall[-1].amount == pool.initial
            assert sum(bar.amount for bar in pool.waterfall[:-1]) == pytest.approx(pool.initial)
            for heat in pool.maps:
                unit_worst = -np.nanmin(heat.pnl)
                assert unit_worst > 0
    assert any(pool.maps for account in made.page.accounts for pool in account.pools) or "standard" in made.page.accounts[0].mode


def test_a_named_account_and_a_heat_map(made, tmp_path):
    rows = pq.read_table(made.results[0] / "assessments.parquet").to_pylist()
    largest = max(rows, key=lambda row: row["worst_loss"])
    page = report(made.results[0], tmp_path / "r.html", accounts=[largest["account"]])
    (account,) = page.accounts
    assert account.account == largest["account"]
    assert account.initial == pytest.approx(largest["initial_margin"])
    heat = account.pools[0].maps[0]
    assert heat.unit == largest["worst_unit"]
    assert heat.worst == largest["worst_scenario"]
    assert heat.pnl.shape == (len(heat.vols), len(heat.moves))
    text = (tmp_path / "r.html").read_text()
    assert largest["account"] in text
    own, _, rest = text.partition("* plotly.js v")  # the library names addresses of maps, which the policy forbids
    assert rest
    assert "http" not in own.replace("http-equiv", "")


def test_without_accounts_there_are_no_charts(made, tmp_path):
    page = report(made.results[0], tmp_path / "small.html", drawn=0)
    assert page.accounts == ()
    assert (tmp_path / "small.html").stat().st_size < 300_000


def test_a_snapshot_that_is_gone_or_another_is_said(made, copy, tmp_path):
    change_manifest(copy, snapshot_path=str(tmp_path / "gone"))
    page = report(copy, tmp_path / "r.html")
    assert page.accounts == ()
    assert "is not there" in page.missing[0]
    assert "is not there" in (tmp_path / "r.html").read_text()
    with pytest.raises(DataError, match="--snapshot"):
        report(copy, tmp_path / "r.html", accounts=["acct-0000001"])
    other = shutil.copytree(made.snapshot, tmp_path / "other")
    (other / "balances.parquet").write_bytes((other / "orders.parquet").read_bytes())
    with pytest.raises(DataError, match=r"balances\.parquet is not the file"):
        report(copy, tmp_path / "r.html", snapshot=other)
    assert report(copy, tmp_path / "r.html", snapshot=made.snapshot).accounts


def test_manifests_that_do_not_say_enough(made, copy, tmp_path):
    change_manifest(copy, named=None)
    assert "how its rules are asked for" in report(copy, tmp_path / "r.html").missing[0]
    change_manifest(copy, named={"venue": "deribit"})
    assert "no regime can be read" in report(copy, tmp_path / "r.html").missing[0]
    change_manifest(copy, format=1)  # what an earlier version wrote
    assert report(copy, tmp_path / "r.html").results[0].accounts == 400
    change_manifest(copy, format=99)
    with pytest.raises(DataError, match="format 99"):
        report(copy, tmp_path / "r.html")


def test_changed_parameters_are_refused(made, copy, tmp_path):
    change_manifest(copy, parameters={"parameters": "another"})
    with pytest.raises(ParameterError, match="not those of the result"):
        report(copy, tmp_path / "r.html", accounts=["acct-0000001"])


def test_refusals(made, tmp_path):
    with pytest.raises(DataError, match=r"lacks manifest\.json"):
        report(tmp_path, tmp_path / "r.html")
    with pytest.raises(DataError, match="no result"):
        report([], tmp_path / "r.html")
    with pytest.raises(DataError, match="'nobody' is not in the snapshot"):
        report(made.results, tmp_path / "r.html", accounts=["nobody"])
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "assessments.parquet").write_bytes(b"no")
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match="not the manifest"):
        report(folder, tmp_path / "r.html")
    (folder / "manifest.json").write_text('{"format": 2}')
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        report(folder, tmp_path / "r.html")
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("package", ["jinja2", "plotly"])
def test_a_missing_extra_names_the_command(made, tmp_path, monkeypatch, package):
    from margin.report import page

    page._environment.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.offline", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'margin-engine\[report\]'"):
        page.render(made.page)


def test_a_named_regime_is_written_down_and_read_back(made):
    manifest = json.loads((made.results[0] / "manifest.json").read_text())
    assert manifest["format"] == 2
    named = NamedRegime.from_record(manifest["named"])
    assert (named.venue, named.mode, named.as_of) == ("deribit", "cross_portfolio", "2026-02-15")
    assert named.with_mode("cross_standard").mode == "cross_standard"
    assert named.record() == manifest["named"]


def test_a_regime_of_ones_own_has_no_name(made, tmp_path):
    named = NamedRegime(
        venue="deribit", mode="cross_standard", as_of="2026-02-15", params=(str(made.snapshot / "params.toml"),), accept=STATUSES
    )
    from margin import io

    own: Regime = named(io.read_snapshot(made.snapshot).market)
    batch.run(made.snapshot, tmp_path / "own", regime=own)
    page = report(tmp_path / "own", tmp_path / "r.html")
    assert "how its rules are asked for" in page.missing[0]


def test_steps_are_found_where_they_are():
    jump = 0.1234

    def at(x):
        return 100.0 + 5.0 * x + (20.0 if x >= jump else 0.0)

    (step,) = _steps(at, np.array([at(x) for x in CURVE]))
    assert step[0] == pytest.approx(jump, abs=1e-6)
    assert step[2] - step[1] == pytest.approx(20.0, rel=1e-4)
    steep = np.array([100.0 * np.exp(3 * x) for x in CURVE])
    assert _steps(lambda x: 100.0 * np.exp(3 * x), steep) == ()


def test_waterfall_names_what_components_do_not_add_up_to():
    assert [bar.name for bar in waterfall([("a", 3.0), ("b", -1.0)], 2.0)] == ["a", "b", "initial margin"]
    bars = waterfall([("a", 3.0)], 5.0)
    assert [(bar.name, bar.amount, bar.start) for bar in bars][1] == ("floors, offsets and rounding", 2.0, 3.0)


def test_numbers_for_reading():
    assert [money(x) for x in (0.0, 1234567.8, 12.345, 0.00123456, 1.5e-7, float("inf"), float("nan"))] == [
        "0", "1,234,568", "12.35", "0.001235", "1.50e-07", "∞", "\N{EN DASH}",
    ]  # fmt: skip
    assert [short(x) for x in (62.4e6, 3.1e9, 950.0, -4.2e3, 2.5e12)] == ["62.4 M", "3.1 bn", "950.00", "-4.2 k", "2,500 bn"]
    assert [percent(x) for x in (0.5, 0.99999, 1.0, float("inf"))] == ["50.0 %", "99.99 %", "100.0 %", "∞"]


def test_nothing_in_data_ends_a_script():
    assert "</script>" not in as_json({"name": "</script><script>alert(1)</script>"})
    with pytest.raises(ValueError, match="JSON"):
        as_json(float("nan"))


def test_integer_accounts_are_asked_for_as_text():
    from margin import Book
    from margin.report.accounts import _key

    book = Book.of(balances={"account": np.array([7, 8]), "currency": ["BTC", "BTC"], "amount": [1.0, 1.0]})
    assert _key(book, "8") == 8
    with pytest.raises(DataError, match="are integers"):
        _key(book, "eight")
