"""A market of OKX's instruments and parameters for all of them."""

from __future__ import annotations

import pytest

from margin import Market

EXPIRY = ["2026-06-26T08:00:00Z", "2026-09-25T08:00:00Z"]
USD = {"BTC": 70_000.0, "ETH": 2_000.0, "USDT": 0.999, "USD": 1.0, "SOL": 150.0}
MARKS = {
    "BTC-USDT-SWAP": 70_050.0, "BTC-USDT-260626": 70_900.0, "BTC-USDT-260925": 71_500.0, "ETH-USDT-SWAP": 2_001.0,
    "BTC-USD-SWAP": 70_020.0, "BTC-USD-260626": 70_800.0, "ETH-USD-SWAP": 1_999.0,
    "BTC-USD-260626-75000-C": 0.031, "BTC-USD-260626-60000-P": 0.022, "BTC-USD_UM-260626-80000-C": 900.0,
    "BTC-USD_UM-260626-72000-P": 5_400.0, "BTC-USDT": 70_010.0, "ETH-BTC": 0.0285,
}  # fmt: skip


def contract(name):
    """One instrument as the second writing of the rules wants it."""
    parts = name.split("-")
    base, quote = parts[0], parts[1].removesuffix("_UM")
    linear = quote != "USD" or parts[1].endswith("_UM") or len(parts) == 2
    kind = {2: "spot", 3: "swap" if parts[-1] == "SWAP" else "future", 5: "option"}[len(parts)]
    section = {"swap": "swap", "future": "futures", "option": "option" if not linear else "option_linear", "spot": "spot"}[kind]
    of_futures = {("BTC", True): 0.01, ("ETH", True): 0.1, ("BTC", False): 100.0, ("ETH", False): 10.0}
    size = {"spot": 1.0, "option": 0.01}.get(kind, of_futures[base, linear])
    return {
        "kind": kind, "inverse": not linear, "base": base, "quote": quote, "settle": quote if linear else base, "size": size,
        "family": f"{section}.{base}-{quote}", "mark": MARKS[name], "index": USD[base] / USD[quote],
        "strike": float(parts[3]) if kind == "option" else None, "forward": 70_850.0,
        "type": {"C": "call", "P": "put"}[parts[4]] if kind == "option" else None,
        "expiry": EXPIRY[1] if "260925" in parts else EXPIRY[0] if len(parts) > 2 and parts[-1] != "SWAP" else None,
    }  # fmt: skip


CONTRACTS = {name: contract(name) for name in MARKS}
FUTURES_TIERS = [(50.0, 0.004, 0.008), (200.0, 0.01, 0.02), (1e9, 0.03, 0.06)]
OPTION_TIERS = [(20.0, 1.0, 1.0), (1e9, 1.3, 1.3)]
TIERS = {c["family"]: OPTION_TIERS if c["kind"] == "option" else FUTURES_TIERS for c in CONTRACTS.values()}
OPTION = (0.10, 0.15, 0.03, 0.10)  # minimum, base, maintenance, least order
BORROW = [(0.0, 0.02, 0.10), (5.0, 0.03, 0.12), (10_000.0, 0.05, 0.2)]
DISCOUNTS = {
    "BTC": [(1.0, 0.98), (2.0, 0.95), (float("inf"), 0.8)], "ETH": [(float("inf"), 0.9)],
    "USDT": [(50_000.0, 1.0), (float("inf"), 0.97)], "USD": [(float("inf"), 1.0)], "SOL": [(10.0, 0.7), (float("inf"), 0.0)],
}  # fmt: skip


@pytest.fixture(scope="session")
def okx_market():
    names, cs = list(CONTRACTS), list(CONTRACTS.values())
    option = [c["kind"] == "option" for c in cs]
    pairs = {f"{c['base']}_{c['quote']}": c["index"] for c in cs}
    return Market.of(
        time="2026-05-02T08:00:00Z",
        instruments={
            "instrument": names,
            "kind": [{"swap": "perpetual"}.get(c["kind"], c["kind"]) for c in cs],
            "contract": ["inverse" if c["inverse"] else "linear" for c in cs],
            "base": [c["base"] for c in cs],
            "quote": [c["quote"] for c in cs],
            "settlement": [c["settle"] for c in cs],
            "contract_size": [c["size"] for c in cs],
            "strike": [c["strike"] for c in cs],
            "option_type": [c["type"] for c in cs],
            "expiry": [c["expiry"] for c in cs],
        },
        quotes={
            "instrument": names,
            "mark": [c["mark"] for c in cs],
            "forward": [c["forward"] if o else None for c, o in zip(cs, option, strict=True)],
            "vol": [0.5 if o else None for o in option],
        },
        indices={"index": list(pairs), "price": list(pairs.values())},
        currencies={"currency": list(USD), "usd": list(USD.values())},
    )


@pytest.fixture(scope="session")
def okx_params(tmp_path_factory):
    """Tiers, discounts and borrow tiers of everything in the market."""
    lines = ["[[layer]]", "as_of = 2020-01-01", 'status = "illustrative"', 'source = "test"']
    for family, tiers in TIERS.items():
        if not family.startswith("spot"):
            lines += [f"[layer.tiers.{family}]", f"max = {[t[0] for t in tiers]}"]
            if family.startswith("option"):
                lines += [f"factor = {[t[1] for t in tiers]}"]
            else:
                lines += [f"mmr = {[t[1] for t in tiers]}", f"imr = {[t[2] for t in tiers]}"]
    for currency, tiers in DISCOUNTS.items():
        lines += [f"[layer.discount.{currency}]", f"max = {[t[0] for t in tiers[:-1]]}"]
        lines += [f"rate = {[t[1] for t in tiers[:-1]]}", f"least = {tiers[-1][1]}"]
        lines += [f"[layer.borrow.{currency}]"]
        lines += [f"{key} = {[t[i] for t in BORROW]}" for i, key in enumerate(("bounds", "mmr", "imr"))]
    path = tmp_path_factory.mktemp("okx") / "tiers.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return [path]
