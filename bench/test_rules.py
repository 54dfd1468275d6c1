"""All rules of Deribit's cross portfolio margin beside its scenarios alone: what charges, orders and collateral cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from margin import batch, io, synthetic
from margin.ids import Coded, Ids
from margin.models.portfolio import PortfolioModel
from margin.params import STATUSES
from margin.venues import load

pytest.importorskip("pyarrow")

ACCOUNTS, EACH = 100_000, 20
COLLATERAL = ("USDC", "BTC", "ETH")


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """Positions of random accounts in random instruments, in no order; entry prices near the mark; three balances an account."""
    folder = tmp_path_factory.mktemp("bench") / "random"
    made = synthetic.exchange(accounts=2_000, seed=1)
    made.write(folder)
    market, random = made.market(), np.random.default_rng(3)
    names = Ids.of([f"acct-{number:07d}" for number in range(ACCOUNTS)])
    account = random.permutation(np.repeat(np.arange(ACCOUNTS, dtype=np.int32), EACH))
    row = random.integers(0, len(market), len(account)).astype(np.int32)
    owner = np.repeat(np.arange(ACCOUNTS, dtype=np.int32), len(COLLATERAL))
    tables = {
        "positions": {
            "account": Coded(account, names),
            "instrument": Coded(row, market.instruments),
            "quantity": random.choice([-1.0, 1.0], len(row)) * np.ceil(random.lognormal(1.0, 1.0, len(row))),
            "entry_price": np.maximum(market.mark[row], 1e-4) * np.exp(0.05 * random.standard_normal(len(row))),
        },
        "balances": {
            "account": Coded(owner, names),
            "currency": Coded(np.tile(np.arange(len(COLLATERAL), dtype=np.int32), ACCOUNTS), Ids.of(list(COLLATERAL))),
            "amount": random.lognormal(3.0, 2.0, len(owner)),
        },
    }
    (folder / "orders.parquet").unlink()
    for name, columns in tables.items():
        io.write_table(folder / f"{name}.parquet", columns)
    return folder


def test_all_rules_beside_the_scenarios_alone(beside, snapshot, tmp_path):
    params = (snapshot / synthetic.PARAMETERS,)
    rules = load("deribit").regime("cross_portfolio", as_of="2026-02-15", params=params, accept=STATUSES)
    scenarios = PortfolioModel(scenarios=rules.model.scenarios, vol_shock=rules.model.vol_shock)
    alone = replace(rules, name="scenarios alone", model=scenarios)

    def run(regime=rules):
        return batch.run(snapshot, tmp_path / "out", regime=regime, threads=1, overwrite=True)

    def peer():
        """the same run, scenarios alone"""
        return run(alone)

    whole, part = run(), peer()
    assert (whole.accounts, whole.positions, whole.scenarios) == (part.accounts, part.positions, part.scenarios)
    assert whole.positions == ACCOUNTS * EACH
    assert whole.initial_margin_usd > part.initial_margin_usd
    count = f"{whole.positions:,}"
    assert beside(run, peer, name=f"all X:PM rules, {count} random positions, Parquet to Parquet") > 1 / 1.5
