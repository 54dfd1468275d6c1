"""Answers of the API read into a book, a market and parameters; hand-made in the documented shapes."""

from __future__ import annotations

import copy
import json

import pytest

from margin.errors import DataError, ParameterError
from margin.params import STATUSES
from margin.venues.okx import regime
from margin.venues.okx.payloads import (
    check_account,
    compare_units,
    discount_parameters,
    read_account,
    tier_parameters,
)
from margin.venues.okx.ratios import TakerFees

INSTRUMENTS = [
    {
        "instId": "ETH-USDT-SWAP", "instType": "SWAP", "uly": "ETH-USDT", "instFamily": "ETH-USDT", "ctType": "linear",
        "ctVal": "0.01", "ctMult": "1", "ctValCcy": "ETH", "settleCcy": "USDT", "baseCcy": "", "quoteCcy": "", "expTime": "",
    },
    {
        "instId": "BTC-USD-260626", "instType": "FUTURES", "uly": "BTC-USD", "instFamily": "BTC-USD", "ctType": "inverse",
        "ctVal": "100", "ctMult": "1", "ctValCcy": "USD", "settleCcy": "BTC", "expTime": "1782460800000",
    },
    {
        "instId": "BTC-USD-260626-80000-C", "instType": "OPTION", "uly": "BTC-USD", "settleCcy": "BTC", "ctVal": "1",
        "ctMult": "0.01", "expTime": "1782460800000", "stk": "80000", "optType": "C", "ctType": "",
    },
    {"instId": "BTC-USDT", "instType": "SPOT", "baseCcy": "BTC", "quoteCcy": "USDT", "uly": "", "settleCcy": "", "ctVal": ""},
]  # fmt: skip
BALANCE = {
    "code": "0", "msg": "",
    "data": [{
        "uTime": "1776000000000", "totalEq": "", "adjEq": "", "imr": "", "mmr": "", "mgnRatio": "",
        "details": [
            {
                "ccy": "USDT", "cashBal": "25.684685585058334", "eq": "23.673185585058334", "eqUsd": "23.673185585058334",
                "interest": "0", "imr": "23.76495", "mmr": "1.901196", "mgnRatio": "11.719278420807477", "disEq": "",
                "collateralEnabled": True,
            },
        ],
    }],
}  # fmt: skip
POSITIONS = [
    {
        "instId": "ETH-USDT-SWAP", "instType": "SWAP", "mgnMode": "cross", "posSide": "net", "pos": "15", "avgPx": "1597.74",
        "markPx": "1584.33", "idxPx": "1584.5", "lever": "10", "margin": "", "imr": "23.76495", "mmr": "1.901196",
        "upl": "-2.0115", "liqPx": "1438.7380360728976",
    },
]  # fmt: skip
TIERS = {
    "SWAP": [
        {"instFamily": "ETH-USDT", "uly": "ETH-USDT", "tier": "2", "minSz": "1001", "maxSz": "", "mmr": "0.01", "imr": "0.02"},
        {"instFamily": "ETH-USDT", "uly": "ETH-USDT", "tier": "1", "minSz": "0", "maxSz": "1000", "mmr": "0.008", "imr": "0.02"},
    ],
    "MARGIN": [
        {"ccy": "USDT", "tier": "1", "minSz": "0", "maxSz": "100000", "mmr": "0.02", "imr": "0.1"},
        {"ccy": "USDT", "tier": "2", "minSz": "100000", "maxSz": "", "mmr": "0.03", "imr": "0.12"},
    ],
}  # fmt: skip
FEES = TakerFees(futures=0.0005, spot=0.001, option=0.0003, option_cap=0.125)
DISCOUNTS = [
    {"ccy": "USDT", "minDiscountRate": "0.9", "details": [{"minAmt": "0", "maxAmt": "1000", "discountRate": "1"}]},
    {"ccy": "BTC", "details": [
        {"minAmt": "0", "maxAmt": "20", "discountRate": "0.98"}, {"minAmt": "20", "maxAmt": "", "discountRate": "0.9"},
    ]},
]  # fmt: skip


def test_an_account_in_futures_mode_meets_the_recorded_figures():
    check = check_account(mode="futures", balance=BALANCE, positions=POSITIONS, instruments=INSTRUMENTS, tiers=TIERS, fees=FEES)
    assert {row.figure for row in check.rows} == {"imr", "mmr", "mgnRatio", "upl", "liqPx"}
    assert {row.path for row in check.rows} >= {"balance[0].details[0].mgnRatio", "positions[0].imr"}
    assert not check.off_by(1e-9)
    assert "balance[0].details[0].mmr" in str(check)


def test_answers_may_be_text():
    check = check_account(
        mode="futures", balance=json.dumps(BALANCE), positions=json.dumps({"code": "0", "data": POSITIONS}),
        instruments=INSTRUMENTS, tiers=TIERS, fees=FEES,
    )  # fmt: skip
    assert len(check.rows) == 7


def test_an_account_in_multi_currency_mode():
    balance = copy.deepcopy(BALANCE)
    balance["data"][0] |= {"adjEq": "23.6", "imr": "23.76495", "mmr": "1.901196", "mgnRatio": "11.68"}
    balance["data"][0]["details"][0]["disEq"] = "23.673185585058334"
    check = check_account(
        mode="multi_currency", balance=balance, positions=POSITIONS, instruments=INSTRUMENTS, tiers=TIERS, discounts=DISCOUNTS,
        fees=FEES,
    )  # fmt: skip
    ours = {row.path: row.ours for row in check.rows}
    assert ours["balance[0].adjEq"] == pytest.approx(23.673185585058334)
    assert ours["balance[0].mgnRatio"] == pytest.approx(11.719278420807477)
    assert ours["balance[0].details[0].eq"] == pytest.approx(23.673185585058334)
    assert ours["balance[0].details[0].disEq"] == pytest.approx(23.673185585058334)
    assert {row.path for row in check.off_by(1e-6)} == {"balance[0].adjEq", "balance[0].mgnRatio"}


def test_all_kinds_of_rows():
    positions = [
        *POSITIONS,
        {
            "instId": "BTC-USD-260626", "instType": "FUTURES", "mgnMode": "isolated", "posSide": "short", "pos": "3",
            "avgPx": "71000", "markPx": "70500", "idxPx": "70000", "lever": "5", "margin": "0.001", "upl": "",
        },
        {
            "instId": "BTC-USD-260626-80000-C", "instType": "OPTION", "mgnMode": "cross", "posSide": "net", "pos": "-2",
            "avgPx": "0.03", "markPx": "0.02", "idxPx": "70000", "lever": "",
        },
        {
            "instId": "BTC-USDT", "instType": "MARGIN", "mgnMode": "isolated", "posSide": "net", "pos": "0.00190433573",
            "posCcy": "BTC", "margin": "0.000317654", "liab": "-99.9998177776582", "interest": "0", "avgPx": "62000",
        },
        {"instId": "BTC-USDT-SWAP", "instType": "SWAP", "mgnMode": "cross", "pos": "0"},
    ]  # fmt: skip
    orders = [
        {"instId": "BTC-USDT", "instType": "SPOT", "side": "buy", "sz": "0.3", "accFillSz": "0.1", "px": "69000", "posSide": ""},
        {"instId": "ETH-USDT-SWAP", "side": "sell", "sz": "4", "px": "1700", "posSide": "net", "lever": "10"},
    ]
    summary = [{"instId": "BTC-USD-260626-80000-C", "markVol": "0.5", "fwdPx": "70500"}]
    reading = read_account(
        balance=BALANCE, positions=positions, orders=orders, instruments=INSTRUMENTS, option_summary=summary,
        tickers=[{"instId": "BTC-USDT", "last": "70010"}],
    )  # fmt: skip
    held, resting = reading.book.positions, reading.book.orders
    assert held.quantity.tolist() == [15.0, -3.0, -2.0]
    assert resting.quantity.tolist() == pytest.approx([0.2, -4.0])
    assert held.leg.tolist() == [0, 2, 0]
    assert reading.market.contract_size.tolist() == [0.01, 100.0, 0.01, 1.0]
    pair = reading.pairs["BTC-USDT long"].figures(mark=62891.9, mmr_rate=0.02, taker_fee=0.001)
    assert pair.margin_ratio == pytest.approx(9.404143929947395)


def test_tiers_become_parameters():
    found = tier_parameters(TIERS | {
        "OPTION": [{"instFamily": "BTC-USD", "tier": "1", "maxSz": "100", "optMgnFactor": "1"}],
        "FUTURES": [{"uly": "BTC-USD", "tier": "1", "maxSz": "10", "mmr": "0.004", "imr": "0.01"}],
    })  # fmt: skip
    assert found["tiers.swap.ETH-USDT.max"][0] == 1000.0
    assert found["tiers.swap.ETH-USDT.mmr"] == [0.008, 0.01]
    assert found["tiers.option.BTC-USD.factor"] == [1.0]
    assert found["tiers.futures.BTC-USD.max"] == [10.0]
    assert found["borrow.USDT.bounds"] == [0.0, 100_000.0]
    discounts = discount_parameters(DISCOUNTS)
    assert (discounts["discount.BTC.max"], discounts["discount.BTC.least"]) == ([20.0], 0.9)
    assert (discounts["discount.USDT.rate"], discounts["discount.USDT.least"]) == ([1.0], 0.9)


def with_field(payload, path, value):
    """A payload with one field replaced."""
    out = copy.deepcopy(payload)
    at = out
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return out


@pytest.mark.parametrize(
    ("name", "path", "value", "text"),
    [
        ("positions", (0, "pos"), "abc", r"^positions\[0\].pos: 'abc' is not a number"),
        ("positions", (0, "pos"), "nan", r"^positions\[0\].pos: 'nan' is not a number"),
        ("positions", (0, "pos"), True, r"^positions\[0\].pos: True is not a number"),
        ("positions", (0, "avgPx"), "", r"^positions\[0\].avgPx: is missing"),
        ("positions", (0, "avgPx"), "-1", r"^positions\[0\].avgPx: '-1' is not above zero"),
        ("positions", (0, "mgnMode"), "crossed", r"^positions\[0\].mgnMode: 'crossed' is none of cross, isolated"),
        ("positions", (0, "posSide"), "up", r"^positions\[0\].posSide: 'up' is none of net, long, short"),
        ("positions", (0, "instId"), "X-USDT-SWAP", r"^positions\[0\].instId: 'X-USDT-SWAP' is not in instruments. Give its row"),
        ("positions", (0, "markPx"), "", r"^marks: 'ETH-USDT-SWAP' has no mark"),
        ("positions", (0, "idxPx"), "", r"^indices: the index 'ETH-USDT' has no price"),
        ("instruments", (0, "ctVal"), "0", r"^instruments\[0\].ctVal: '0' is not above zero"),
        ("instruments", (0, "instType"), "SWOP", r"^instruments\[0\].instType: 'SWOP' is none of"),
        ("instruments", (0, "uly"), "ETHUSDT", r"^instruments\[0\].uly: 'ETHUSDT' is not <coin>-<currency>"),
        ("instruments", (0, "ctType"), "inverse", r"^instruments\[0\].ctType: 'inverse' does not agree with settleCcy 'USDT'"),
        ("balance", ("data", 0, "details", 0, "cashBal"), None, r"^balance\[0\].details\[0\].cashBal: is missing"),
        ("balance", ("data", 0, "details", 0, "collateralEnabled"), "yes", r"details\[0\].collateralEnabled: 'yes' is neither"),
        ("balance", ("data", 0, "details"), "", r"^balance\[0\].details: '' is not a list"),
        ("balance", ("data", 0, "uTime"), "", r"^balance\[0\].uTime: is missing"),
        ("balance", ("data", 0), 7, r"^balance\[0\]: 7 is not an object"),
        ("balance", ("data",), [], r"^balance: 0 accounts where one is wanted"),
        ("balance", ("code",), "50001", r"^balance.code: the venue answers with error 50001"),
        ("tiers", ("SWAP", 0, "mmr"), "x", r"^tiers.SWAP\[0\].mmr: 'x' is not a number"),
        ("tiers", ("SWAP", 1, "maxSz"), "-5", r"^tiers.SWAP\[1\].maxSz: '-5' is not above zero"),
        ("tiers", ("MARGIN", 0, "maxSz"), "", r"^tiers.MARGIN\[0\].maxSz"),
    ],
)
def test_a_bad_field_is_named(name, path, value, text):
    payloads = {"balance": BALANCE, "positions": POSITIONS, "instruments": INSTRUMENTS, "tiers": copy.deepcopy(TIERS)}
    if path == ("MARGIN", 0, "maxSz"):
        payloads["tiers"]["MARGIN"].append({"ccy": "USDT", "tier": "3", "maxSz": "", "mmr": "0.1", "imr": "0.2"})
    payloads[name] = with_field(payloads[name], path, value)
    with pytest.raises(DataError, match=text):
        check_account(mode="futures", fees=FEES, **payloads)


@pytest.mark.parametrize(
    ("payload", "text"), [("{", "not JSON"), ({"code": "0"}, "has no data"), (None, "nothing is not a list")]
)
def test_an_answer_that_is_none(payload, text):
    with pytest.raises(DataError, match=rf"^balance: .*{text}"):
        read_account(balance=payload, instruments=INSTRUMENTS)


def test_without_tiers_the_parameter_is_named():
    payloads = {"balance": BALANCE, "positions": POSITIONS, "instruments": INSTRUMENTS, "fees": FEES}
    with pytest.raises(ParameterError, match=r"discount.USDT.max has no value .* only a third_party value exists"):
        check_account(mode="multi_currency", accept=["official"], **payloads)
    swap = [POSITIONS[0] | {"instId": "BTC-USDT-SWAP"}]
    instruments = [INSTRUMENTS[0] | {"instId": "BTC-USDT-SWAP", "uly": "BTC-USDT"}]
    with pytest.raises(ParameterError, match=r"tiers.swap.BTC-USDT.max has no value"):
        check_account(mode="futures", **payloads | {"positions": swap, "instruments": instruments})


def test_the_position_builder_beside_the_engine():
    """The unit of one short perpetual of the venue's example of 2025-01-15."""
    instruments = [INSTRUMENTS[0] | {"instId": "BTC-USDT-SWAP", "uly": "BTC-USDT", "instFamily": "BTC-USDT"}]
    positions = [{
        "instId": "BTC-USDT-SWAP", "instType": "SWAP", "mgnMode": "cross", "posSide": "net", "pos": "-10", "avgPx": "100000",
        "markPx": "97093.7", "idxPx": "97078.9", "lever": "",
    }]  # fmt: skip
    balance = {"code": "0", "data": [{"uTime": "1736936801642", "details": [{"ccy": "USDT", "cashBal": "0"}]}]}
    reading = read_account(
        balance=balance, positions=positions, instruments=instruments, usd={"USDT": 0.99954, "BTC": 97078.9 * 0.99954}
    )
    result = regime("portfolio", as_of="2025-01-15", accept=STATUSES).assess(reading.book, reading.market)
    unit = {
        "riskUnit": "BTC", "mr1": "1164.4109244719994", "mr2": "0", "mr4": "19.4098073796", "mr6": "1164.4109244720003",
        "mr7": "43.67206660410001", "mr8": "0", "mr9": "0",
    }  # fmt: skip
    rows = compare_units([{"riskUnitData": [unit]}], result)
    assert {row.figure for row in rows} == set(unit) - {"riskUnit"}
    assert all(row.ours == pytest.approx(row.venue, rel=1e-9) for row in rows)
    with pytest.raises(DataError, match=r"^builder\[0\].riskUnitData\[0\].riskUnit: 'SOL' is no unit"):
        compare_units([{"riskUnitData": [unit | {"riskUnit": "SOL"}]}], result)
