"""The result as a table: every format holds the same numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from margin import synthetic
from margin.io import to_arrow, write_parquet
from margin.names import STATUSES
from margin.venues import load

ALL = ("official", "recorded", "third_party", "illustrative")


@pytest.fixture(scope="module", params=["cross_portfolio", "segregated_standard"])
def assessment(request, tmp_path_factory):
    exchange = synthetic.exchange(accounts=150, seed=2)
    path = tmp_path_factory.mktemp("params") / "params.toml"
    path.write_text(exchange.params)
    regime = load("deribit").regime(request.param, as_of="2026-02-15", params=[path], accept=ALL)
    return regime.assess(exchange.book(), exchange.market())


def test_components_add_up(assessment):
    columns = assessment.columns()
    total = sum(columns[name] for name in assessment.results.components)
    np.testing.assert_allclose(columns["initial_margin"], total, rtol=1e-12, atol=1e-8)
    assert (columns["initial_margin"] >= columns["maintenance_margin"] - 1e-9).all()
    np.testing.assert_array_equal(columns["available"], columns["collateral_value"] - columns["initial_margin"])


def test_status_follows_the_figures(assessment):
    r = assessment.results
    for i, status in enumerate(assessment.status):
        dead = r.maintenance[i] >= r.maintenance_collateral[i] and (r.maintenance[i] > 0 or r.maintenance_collateral[i] < 0)
        short = r.initial[i] > r.initial_collateral[i]
        assert STATUSES[status] == ("liquidation" if dead else "restricted" if short else "healthy")


def test_every_format_holds_the_same(assessment, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    table = assessment.to_arrow()
    assessment.to_parquet(tmp_path / "a.parquet")
    assert table.num_rows == len(assessment)
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == table.to_pylist()
    assert assessment.to_pandas()["initial_margin"].tolist() == assessment.initial_margin.tolist()
    assert assessment.to_polars()["status"].to_list() == table["status"].to_pylist()
    account = table["account"].to_pylist()
    assert account == [str(a) for a in assessment.book.accounts.take(assessment.results.account)]


def test_worst_unit_and_scenario_are_those_of_the_largest_loss(assessment):
    columns, units = assessment.columns(), assessment.unit_columns()
    if not units:
        assert columns["worst_unit"][0] is None
        return
    losses: dict[str, list[tuple[float, str, str]]] = {}
    for i in range(len(units["worst_loss"])):
        row = (float(units["worst_loss"][i]), str(units["unit"][i]), str(units["worst_scenario"][i]))
        losses.setdefault(str(units["account"][i]), []).append(row)
    for i in range(len(assessment)):
        held = losses.get(str(columns["account"][i]), [(0.0, "", "")])
        loss, unit, scenario = max(held, key=lambda row: row[0])
        assert sum(row[0] for row in held) == pytest.approx(columns["worst_loss"][i])
        assert columns["worst_unit"][i] == (unit if loss > 0 else None)
        assert columns["worst_scenario"][i] == (scenario if loss > 0 else None)


def test_unit_table_can_be_written(assessment, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    units = assessment.unit_columns()
    if units:
        write_parquet(to_arrow(units), tmp_path / "u.parquet")
        assert pq.read_table(tmp_path / "u.parquet").num_rows == len(units["worst_loss"])
    else:
        assert assessment.prepared.n_scenarios == 0


def test_hardly_any_collateral_is_as_good_as_none(assessment):
    results = assessment.results
    little = replace(results, maintenance_collateral=np.full(len(assessment), np.nextafter(0.0, 1.0)))
    utilisation = replace(assessment, results=little).columns()["utilisation"]
    np.testing.assert_array_equal(utilisation, np.where(results.maintenance > 0, np.inf, 0.0))


def test_repr_is_short(assessment):
    text = repr(assessment)
    assert len(text.splitlines()) <= 14
    assert "150 accounts" in text


def test_explain_of_an_unknown_account(assessment):
    from margin.errors import MarginError

    with pytest.raises(MarginError, match="nobody"):
        assessment.explain("nobody")


def shuffled(rows):
    """Rows in no order of accounts, those of an account as they were."""
    order = np.empty(len(rows.account), dtype=np.int64)
    places = np.random.default_rng(0).permutation(rows.account)
    order[np.argsort(places, kind="stable")] = np.argsort(rows.account, kind="stable")
    columns = {name: getattr(rows, name) for name in type(rows).__slots__}
    return replace(rows, **{name: column[order] for name, column in columns.items() if column is not None})


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize(("threads", "block"), [(1, 1), (2, 13), (7, 50), (7, 1), (2, None), (3, 16), (2, 256)])
def test_threads_blocks_and_the_order_of_rows_do_not_change_a_bit(assessment, monkeypatch, threads, block, mixed):
    monkeypatch.setattr("margin.threads.ROWS", 1)
    book = assessment.book
    if mixed:
        book = replace(book, **{name: shuffled(getattr(book, name)) for name in ("positions", "orders", "balances")})
        assert (np.diff(book.positions.account) < 0).any()
    again = assessment.regime.assess(book, assessment.market, threads=threads, block=block)
    for name, column in assessment.columns().items():
        other = again.columns()[name]
        if isinstance(column, np.ndarray):
            np.testing.assert_array_equal(other, column, err_msg=name)
        else:
            assert list(other) == list(column), name
