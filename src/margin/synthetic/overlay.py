"""Parameters of the synthetic coins, as the text of a parameter file.

The rules and the parameters of the two large coins' inverse contracts come from the venue that is asked; this overlay adds
what no venue publishes about forty made-up listings. Every value is illustrative: derived from the coin's volatility by the
formulas here, measured nowhere. It names nothing that the venues' own files give.
"""

from __future__ import annotations

from margin.synthetic.market import CASH, COINS, LARGE, QUOTE, SMALL, Coin, worth

HEAD = """\
# Parameters of a synthetic exchange. Every value is made up; the layer's status says so.
# Use it beside a venue's own files, with the status "illustrative" accepted.

[[layer]]
as_of = 2020-01-01
status = "illustrative"
source = "synthetic exchange"
"""

STABLE_HAIRCUT = {"USDT": 0.02, "USDE": 0.05}

LIQUIDATION = {"round_share": 0.25, "hedge_share": 1.0, "collateral_penalty": 0.01}
FEE_FUTURE, FEE_OPTION = 0.0075, 0.002

# Values the venues' files give; the overlay must not replace them.
KNOWN_RATES = ("BTC_USDC", "SOL_USDC")
KNOWN_CURRENCIES = ("BTC", "ETH")


def price_range(coin: str) -> float:
    """Largest price move of a coin's scenario grid: 16 % at a volatility of 47 %, growing with it up to 45 %."""
    return min(round(0.16 * _coin(coin).vol / LARGE[0].vol, 2), 0.45)


def haircut(currency: str) -> float:
    """Fraction of a collateral currency that does not count."""
    if currency in CASH:
        return STABLE_HAIRCUT.get(currency, 0.0)
    if currency == "STETH":
        return 0.075
    return 0.0 if currency in KNOWN_CURRENCIES else round(0.15 + 0.25 * max(_coin(currency).vol - 0.7, 0.0), 3)


def overlay() -> str:
    """The overlay as TOML."""
    stable: dict[str, dict[str, object]] = {
        f"currency.{name}": {"haircut": value, "equity_side_impact": "none"} for name, value in STABLE_HAIRCUT.items()
    }
    sections = (
        {f"pair.{coin.name}_{QUOTE}": _pair(coin) for coin in COINS}
        | {f"currency.{coin.name}": _currency(coin) for coin in COINS if coin.name not in KNOWN_CURRENCIES}
        | stable
        | {f"currency.{coin.name}": {"liquidation_fee_option": FEE_OPTION} for coin in LARGE}
        | {"liquidation": dict(LIQUIDATION)}
        | {f"pm.option.{coin.name}": {"mr7_slip_min": 0.02} for coin in SMALL if coin.options}
        | {f"borrow.{name}": _borrow(name) for name in worth()}
    )
    return "\n".join([HEAD, *(_section(name, values) for name, values in sections.items())])


def _coin(name: str) -> Coin:
    return next(coin for coin in COINS if coin.name == name)


def _pair(coin: Coin) -> dict[str, object]:
    reach = price_range(coin.name)
    values: dict[str, object] = {
        "price_range": reach,
        "volatility_range_up": 0.4,
        "volatility_range_down": 0.25,
        "min_volatility_for_shock_up": 0.5,
        "short_term_vega_power": 0.3,
        "long_term_vega_power": 0.13,
        "extended_table_factor": 1,
        "delta_total_liq_shock_threshold": 20_000_000 if coin in LARGE else 2_000_000,
        "max_delta_shock": 0.1,
        "m_inc": _slope(coin),
        "liquidation_fee_future": FEE_FUTURE,
        "liquidation_fee_option": FEE_OPTION,
    }
    if f"{coin.name}_{QUOTE}" not in KNOWN_RATES:
        values |= {"base_im": round(reach / 8, 4), "base_mm": round(reach / 16, 4), "slope": _slope(coin)}
    return values


def _currency(coin: Coin) -> dict[str, object]:
    return {
        "annualised_move_risk": 0.1,
        "min_annualised_move": 0.01,
        "extended_dampener": 25_000,
        "haircut": haircut(coin.name),
        "equity_side_impact": "both",
        "pnl_offset": 0,
        "max_offsetable_pnl": 0,
        "correlation_set": False,
    }


def _borrow(currency: str) -> dict[str, object]:
    """Tiers of a currency's debt, bounds in its units: a million USD at the first rates."""
    bound = float(f"{1e6 / worth()[currency]:.2g}")
    mmr = 0.02 if currency in CASH else 0.03
    return {"bounds": [0, bound], "mmr": [mmr, 2 * mmr], "imr": [5 * mmr, 5 * mmr]}


def _slope(coin: Coin) -> float:
    """Rate per coin: one percentage point per 14 million USD of position, about what large coins show."""
    return float(f"{0.01 / (14e6 / coin.price):.3g}")


def _section(name: str, values: dict[str, object]) -> str:
    lines = [f"[layer.{name}]"]
    lines += [f"{key} = {str(value).lower() if isinstance(value, bool) else _quoted(value)}" for key, value in values.items()]
    return "\n".join(lines) + "\n"


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)
