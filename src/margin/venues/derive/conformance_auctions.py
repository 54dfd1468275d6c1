"""Published liquidation auctions: price factors, bids, and auctions of PM1 accounts step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from margin.liquidation.auction import Figures, PriceDecay, insolvent_offer, with_one_scenario, withdrawal_fee
from margin.regime import Regime
from margin.venues.derive import vectors
from margin.venues.derive.conformance_portfolio import COIN, regime_of
from margin.venues.derive.vectors import CASH, Option, Perpetual, Spot

Inputs = Mapping[str, Any]
Outputs = dict[str, Any]


def auction_price_factor(inputs: Inputs) -> Outputs:
    """Price factor of a solvent auction."""
    return {"price_factor": _decay(inputs["auction_params"]).factor(inputs["elapsed_sec"])}


def solvent_auction_bid(inputs: Inputs) -> Outputs:
    """Price, largest fraction, fee and what a bid pays and needs, as far as the inputs go."""
    figures = Figures(
        value=inputs["mtm_usd"], buffered=inputs.get("buffer_margin_usd", 0.0), reserved=inputs["reserved_cash_usd"]
    )
    if "buffer_margin_usd" not in inputs:
        figures = Figures.of(
            value=inputs["mtm_usd"],
            net=inputs["mm_usd"],
            buffer=inputs["buffer_fraction"],
            reserved=inputs["reserved_cash_usd"],
        )
    factor = inputs["price_factor"]
    out = {"full_price_usd": figures.full_price(factor), "max_fraction": figures.max_fraction(factor)}
    if "percent_wanted" in inputs:
        bid = figures.bid(inputs["percent_wanted"], factor)
        out |= {"cash_paid_usd": bid.paid, "bidder_required_cash_usd": bid.needed}
    if "fee_rate" in inputs:
        out["liquidation_fee_usd"] = figures.fee(inputs["fee_rate"])
    return out


def insolvent_auction_bid(inputs: Inputs) -> Outputs:
    """Offer of an insolvent auction, and what a bidder gets and must hold."""
    net = inputs["mm_usd"]
    offer = insolvent_offer(
        value=inputs["mtm_usd"], net=net, elapsed=inputs["elapsed"], length=inputs["insolvent_length"]
    )
    if "fraction" not in inputs:
        return {"full_offer_usd": offer}
    paid = -offer * inputs["fraction"]
    return {
        "full_offer_usd": offer,
        "cash_to_bidder_usd": paid,
        "bidder_required_cash_usd": inputs["fraction"] * abs(net) - paid,
    }


@dataclass(frozen=True, slots=True)
class Account:
    """What an auctioned PM1 account holds; the perpetual is settled to the spot price that it was last seen at."""

    cash: float
    reserved: float
    perp: float
    base: float
    options: tuple[float, ...]
    spot: float

    def settled(self, spot: float) -> Account:
        """After the perpetual has paid what the spot price moved."""
        return replace(self, cash=self.cash + self.perp * (spot - self.spot), spot=spot)

    def after(self, fraction: float, paid: float) -> Account:
        """After a bidder has taken a fraction of all but the reserved cash."""
        kept = 1.0 - fraction
        reserved = self.reserved + paid
        return Account(
            cash=(self.cash - self.reserved) * kept + reserved,
            reserved=reserved,
            perp=self.perp * kept,
            base=self.base * kept,
            options=tuple(amount * kept for amount in self.options),
            spot=self.spot,
        )


def solvent_auction_sequence(inputs: Inputs) -> Outputs:
    """A solvent auction from its start, bid by bid."""
    terms, initial = inputs["auction_params"], inputs["initial"]
    regime = regime_of("pm1_eth", inputs["pm1_params"])
    account = Account(
        cash=initial["cash_usd"],
        reserved=0.0,
        perp=initial["perp_position"],
        base=initial["base_amount"],
        options=tuple(option["amount"] for option in initial["options"]),
        spot=initial["feeds"]["spot_price_usd"],
    )
    start = initial["time_sec"]
    assessment = _assess(regime, account, inputs, initial["feeds"], start)
    inside = with_one_scenario(regime, assessment)

    def figures(account: Account, feeds: Inputs, time: float) -> tuple[Figures, float]:
        found = _assess(inside, account, inputs, feeds, time)
        value, net = float(found.results.equity[0]), float(found.excess[0])
        return Figures.of(value=value, net=net, buffer=terms["buffer_fraction"], reserved=account.reserved), net

    fee = figures(account, initial["feeds"], start)[0].fee(terms["fee_rate"])
    account = replace(account, cash=account.cash - fee)
    actions = []
    for action in inputs["actions"]:
        time, feeds = action["time_sec"], action["feeds"]
        account = account.settled(feeds["spot_price_usd"])
        factor = _decay(terms).factor(time - start)
        before, net = figures(account, feeds, time)
        bid = before.bid(action["percent_wanted"], factor)
        account = account.after(bid.fraction, bid.paid)
        after, net_after = figures(account, feeds, time)
        actions.append(
            {
                **_shown("pre", before, net, factor),
                "cash_paid_by_bidder_usd": bid.paid,
                "fraction_taken_of_current": bid.fraction,
                **_shown("post", after, net_after, factor),
            }
        )
    return {"liquidation_fee_usd": fee, "actions": actions}


def withdrawal_fee_fraction(inputs: Inputs) -> Outputs:
    """Socialised loss as a fee on withdrawals."""
    fee = withdrawal_fee(unpaid=inputs["unpaid_insolvent_debt_usd"], deposits=inputs["deposited_cash_usd"])
    return {"withdrawal_fee_fraction": fee}


def _decay(terms: Inputs) -> PriceDecay:
    return PriceDecay(
        start=terms["starting_mtm_fraction"],
        cutoff=terms["fast_cutoff_fraction"],
        fast=terms["fast_length_sec"],
        slow=terms["slow_length_sec"],
    )


def _shown(when: str, figures: Figures, net: float, factor: float) -> Outputs:
    return {
        f"{when}_mtm_usd": figures.value,
        f"{when}_mm_usd": net,
        f"{when}_bm_usd": figures.buffered,
        f"{when}_max_fraction": figures.max_fraction(factor),
    }


def _assess(regime: Regime, account: Account, inputs: Inputs, feeds: Inputs, time: float) -> Any:
    """The account under the feeds of one instant; every confidence is the same. The perpetual is marked at the spot price."""
    sure = inputs["all_confidences"]
    expiries = {e["expiry_time_sec"]: e for e in feeds["expiries"]}
    listed = zip(inputs["initial"]["options"], feeds["option_vols"], account.options, strict=True)
    options = [
        Option(
            coin=COIN,
            quantity=amount,
            seconds=o["expiry_time_sec"] - time,
            strike=o["strike_usd"],
            option_type=o["type"],
            forward=expiries[o["expiry_time_sec"]]["forward_usd"],
            rate=expiries[o["expiry_time_sec"]]["rate"],
            vol=vol,
            confidence=sure,
            forward_confidence=sure,
            rate_confidence=sure,
        )
        for o, vol, amount in listed
    ]
    spot = feeds["spot_price_usd"]
    perpetuals = [Perpetual(coin=COIN, quantity=account.perp, mark=spot, confidence=sure)]
    market = vectors.market(
        perpetuals, options, {COIN: Spot(price=spot, confidence=sure)}, stable=feeds["stable_price_usd"]
    )
    return regime.assess(vectors.book(perpetuals, options, {CASH: account.cash, COIN: account.base}), market)


ADAPTERS: Mapping[str, Callable[[Inputs], Outputs]] = {
    "auction_price_factor": auction_price_factor,
    "solvent_auction_bid": solvent_auction_bid,
    "insolvent_auction_bid": insolvent_auction_bid,
    "solvent_auction_sequence": solvent_auction_sequence,
    "withdrawal_fee": withdrawal_fee_fraction,
}
