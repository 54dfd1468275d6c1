"""Delta-one rows as coefficients of a pattern, against the same rows priced one by one."""

from __future__ import annotations

import numpy as np
import pytest

from margin import synthetic
from margin.market import SPOT
from margin.models.patterns import Patterns
from margin.models.valuation import PLAIN, Rows, Valuation, pnl_table
from margin.venues import load

ALL = ("official", "recorded", "third_party", "illustrative")


@pytest.fixture(scope="module")
def exchange(tmp_path_factory):
    exchange = synthetic.exchange(accounts=50, seed=4)
    path = tmp_path_factory.mktemp("params") / "params.toml"
    path.write_text(exchange.params)
    return exchange.market(), path


@pytest.mark.parametrize("mode", ["cross_portfolio", "segregated_portfolio"])
@pytest.mark.parametrize("valuation", [PLAIN, Valuation(moves="index")])
def test_rows_are_coefficients_of_their_units_pattern(exchange, mode, valuation):
    market, params = exchange
    model = load("deribit").regime(mode, as_of="2026-02-15", params=[params], accept=ALL).model
    in_usd = mode == "cross_portfolio"
    used = np.concatenate((market.kind != SPOT, np.full(len(market.currencies), in_usd)))
    prepared = model.prepare(market, in_usd=in_usd, used=used)
    s, scenarios = prepared.sensitivities, prepared.stress.scenarios
    rows = Rows(s.unit, s.units, s.used & s.moves)
    priced = pnl_table(market, scenarios, model.vol_shock, rows, in_usd=in_usd, valuation=valuation)
    patterns = Patterns.of(market, scenarios, rows, in_usd=in_usd, valuation=valuation)
    shared = np.flatnonzero(patterns.coefficient)
    assert len(shared) > 40
    assert not (s.option & (patterns.coefficient != 0)).any()
    filled = priced.copy()
    patterns.fill(filled, s.unit)
    np.testing.assert_allclose(filled[shared], priced[shared], rtol=1e-13, atol=0)
    others = np.setdiff1d(np.arange(len(priced)), shared)
    np.testing.assert_array_equal(filled[others], priced[others])
    futures = rows.used & (s.unit >= 0) & ~s.option
    if valuation == PLAIN:
        assert (patterns.coefficient[futures] != 0).all()
