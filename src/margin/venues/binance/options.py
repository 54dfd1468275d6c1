"""Options, normal accounts: short options by formula, long options paid in full; no offset with any other wallet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NoReturn

from margin.by_name import ByName
from margin.errors import ParameterError
from margin.models.futures import FuturesMargin
from margin.models.option_corners import ReducedShareMargin
from margin.models.options import PerPosition
from margin.models.orders import OptionFee, RefusedOrders
from margin.models.standard import StandardModel
from margin.params import Parameters


def options_model(p: Parameters) -> StandardModel:
    """Each short option on its own. A contract's unit is its size; the mark counts per coin, so per contract over its size."""

    def share(name: str) -> ByName:
        return ByName(name, lambda coin: p.number(f"option.{coin.partition('_')[0]}.{name}"))

    def refuse(symbol: str) -> NoReturn:
        message = f"{symbol} is no option, and this mode margins options only. Margin it in a mode for futures."
        raise ParameterError(message, name="mode", scope=p.as_of.isoformat())

    short = ReducedShareMargin(
        initial=share("initial"),
        initial_minimum=share("initial_minimum"),
        maintenance=share("maintenance"),
        maintenance_minimum=share("maintenance_minimum"),
    )
    return StandardModel(
        futures=FuturesMargin(refuse, refuse, by="instrument"),
        options=PerPosition(inverse=short, linear=short),
        orders=RefusedOrders("Leave orders out, and take their margin from venues.binance.options.order_margin."),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionOrder:
    """An order for an option and the position it meets.

    Attributes
    ----------
    kind : {"call", "put"}
    unit : float
        Coin per contract.
    index, strike, mark : float
        USDT; the mark per contract.
    price : float
        Order price per contract.
    quantity : float
        Contracts, buy above zero.
    position : float
        Contracts held, signed.
    position_margin, all_position_margin, margin_balance : float
        Initial margin of this position and of all, and the margin balance of the account; needed where a buy closes a short.
    """

    kind: Literal["call", "put"]
    unit: float
    index: float
    strike: float
    mark: float
    price: float
    quantity: float
    position: float = 0
    position_margin: float = 0
    all_position_margin: float = 0
    margin_balance: float = 0


def order_margin(p: Parameters, coin: str, order: OptionOrder) -> float:
    """What an order reserves, USDT: the part that closes and the part that opens, fees included.

    ::

        fee           = min(index * unit * rate, cap * price)
        buy to open   = (price + fee) * quantity
        buy to close  = max((price + fee) * quantity - quantity / |position| * min(share of balance, position margin), 0)
        sell to open  = (max(minimum * S * U, max(initial * S - otm, minimum * S) * U + mark - price) + fee) * quantity
        sell to close = 0

    Raises
    ------
    ParameterError
        If the coin has no option parameters.
    """
    fee = _fee(p, order)
    size = abs(order.quantity)
    closing = min(size, max(-order.position if order.quantity > 0 else order.position, 0.0))
    opening = size - closing
    if order.quantity > 0:
        freed = 0.0
        if closing > 0:
            part = order.position_margin / order.all_position_margin if order.all_position_margin else 0.0
            freed = closing / abs(order.position) * min(part * order.margin_balance, order.position_margin)
        return (order.price + fee) * opening + max((order.price + fee) * closing - freed, 0.0)
    otm = max(order.strike - order.index if order.kind == "call" else order.index - order.strike, 0.0)
    least = p.number(f"option.{coin}.initial_minimum") * order.index
    short = max(p.number(f"option.{coin}.initial") * order.index - otm, least) * order.unit + order.mark - order.price
    return (max(least * order.unit, short) + fee) * opening


def _fee(p: Parameters, order: OptionOrder) -> float:
    fee = OptionFee(p.number("option_fee.rate"), p.number("option_fee.cap"))
    return min(fee.rate * order.index * order.unit, fee.cap * order.price)


@dataclass(frozen=True, slots=True)
class PositionFigures:
    """Figures of an option position, in its margin asset; `return_on_cost` is a fraction of the cost's size."""

    value: float
    cost: float
    unrealised: float
    return_on_cost: float


def position_figures(quantity: float, *, entry: float, mark: float) -> PositionFigures:
    """Value at the mark, signed cost at the entry price, and what has been gained."""
    value, cost = quantity * mark, quantity * entry
    return PositionFigures(value, cost, value - cost, (value - cost) / abs(cost) if cost else 0.0)


def equity(margin_balance: float, unrealised: float) -> float:
    """Equity of an account; the margin balance still holds what open positions cost."""
    return margin_balance + unrealised


def cash(margin_balance: float, costs: float) -> float:
    """Balance for a book from the venue's margin balance, which still holds the signed cost of open positions.

    With it the balance plus the value of the options is the venue's equity.
    """
    return margin_balance - costs
