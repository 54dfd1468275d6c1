"""Options that net inside an expiry: the sum of short margins, or the largest loss at expiry where that is less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from margin import kernels
from margin.by_name import ByName
from margin.errors import DataError
from margin.lines import Lines, Segments, segments
from margin.market import Market
from margin.models.options import OptionMargins, ShortFormula, ShortMargin, isolated
from margin.models.units import UsedRows

Array = NDArray[np.float64]
Codes = NDArray[np.int32]

NET = 0


@dataclass(frozen=True, slots=True)
class ExpiryNetting:
    """Options of one expiry require the cheaper of two, for initial and maintenance margin apart.

    ::

        isolated = sum over short options of their margin on their own
        max_loss = max over x in {0, every strike held} of max(-payoff(x), 0) + unpaired * F * max(-sum of call sizes, 0)

    ``payoff(x)`` is the intrinsic value of all options of the expiry at the settlement price x. Beyond the highest strike it
    falls without bound where more calls are sold than bought; the second term stands for that, with the forward F of the
    expiry (the highest, where the options held give several). An expiry of different settlement currencies is several.

    Attributes
    ----------
    short : ShortFormula
        Margin of one short option on its own.
    unpaired_initial, unpaired_maintenance : ByName
        Multiple of the forward that an unpaired short call requires, by unit.
    """

    short: ShortFormula
    unpaired_initial: ByName
    unpaired_maintenance: ByName
    nets: ClassVar[bool] = True

    def prepare(self, rows: UsedRows) -> PreparedExpiryNetting:
        """Find the expiries, and what one contract adds to the payoff.

        Raises
        ------
        DataError
            If an inverse option is held: its payoff is not linear between strikes.
        """
        market, options = rows.market, rows.options
        _refuse_inverse(market, options)
        call = rows.padded(market.option_sign > 0)
        calls = options & call
        size = np.where(options, rows.to_pool * rows.padded(market.contract_size), 0.0)
        leaf = rows.leaf
        n_leaves = int(leaf.max(initial=-1)) + 1
        is_option = np.zeros(n_leaves, dtype=np.bool_)
        is_option[leaf[options]] = True
        scales = []
        for values in (self.unpaired_initial, self.unpaired_maintenance):
            scale = np.zeros(n_leaves)
            scale[leaf[calls]] = rows.parameter(values, calls)[calls]
            scales.append(scale)
        strike = np.where(options, np.nan_to_num(rows.padded(market.strike)), 0.0)
        return PreparedExpiryNetting(
            short=isolated((self.short, self.short), rows),
            leaf=leaf,
            is_option=is_option,
            strike=strike,
            call=np.where(call, size, 0.0),
            put=np.where(call, 0.0, size),
            forward=np.where(options, rows.padded(market.forward), 0.0),
            unpaired=(scales[0], scales[1]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class PreparedExpiryNetting:
    """`ExpiryNetting` for one market.

    Attributes
    ----------
    short : ShortMargin
        Pool currency, by row.
    leaf : ndarray of int32, shape (n_rows,)
        Code of (unit, expiry).
    is_option : ndarray of bool, shape (n_leaves,)
    strike : ndarray of float64, shape (n_rows,)
    call, put : ndarray of float64, shape (n_rows,)
        What one contract pays for each unit of quote currency in the money, in the pool's currency.
    forward : ndarray of float64, shape (n_rows,)
        Of options, 0 for other rows.
    unpaired : pair of ndarray of float64, shape (n_leaves,)
        Multiple of the forward that an unpaired short call requires, initial and maintenance.
    """

    short: ShortMargin
    leaf: Codes
    is_option: NDArray[np.bool_]
    strike: Array
    call: Array
    put: Array
    forward: Array
    unpaired: tuple[Array, Array]

    def margins(self, lines: Lines) -> OptionMargins:
        """Margins of each expiry."""
        runs = segments(lines, self.leaf)
        short = np.maximum(-lines.quantity, 0.0)
        loss = self._largest_loss(lines, runs)
        unpaired = np.maximum(-kernels.line_sums(runs.start, lines.row, lines.quantity, self.call, NET), 0.0)
        on_their_own = [kernels.segment_sum(runs.start, short * margin[lines.row]) for margin in self.short]
        unpaired *= np.maximum.reduceat(self.forward[lines.row], runs.start[:-1]) if len(runs) else 1.0  # of what is held
        at_expiry = [loss + scale[runs.code] * unpaired for scale in self.unpaired]
        return OptionMargins(
            start=runs.start,
            initial=np.minimum(on_their_own[0], at_expiry[0]),
            maintenance=np.minimum(on_their_own[1], at_expiry[1]),
            parts={
                "isolated_initial": on_their_own[0],
                "isolated_maintenance": on_their_own[1],
                "max_loss_initial": at_expiry[0],
                "max_loss_maintenance": at_expiry[1],
            },
        )

    def _largest_loss(self, lines: Lines, runs: Segments) -> Array:
        """Largest loss of each run over the settlement prices 0 and its strikes, >= 0.

        The payoff is linear between strikes. Calls gather value from the lowest strike up and puts from the highest down, so
        that neither is a difference of large numbers.
        """
        loss = np.zeros(len(runs))
        at = np.flatnonzero(self.is_option[runs.code])
        if not len(at):
            return loss
        first, last = runs.start[:-1][at], runs.start[1:][at] - 1
        strike = self.strike[lines.row]
        calls, _ = _gathered(strike, lines.quantity * self.call[lines.row], first, last)
        puts, puts_at_zero = _gathered(strike, lines.quantity * self.put[lines.row], last, first)
        payoff = np.where(lines.quantity != 0, calls + puts, 0.0)  # a strike of which nothing is left is not held
        lowest = np.minimum.reduceat(np.append(payoff, 0.0), np.stack((first, last + 1), axis=1).reshape(-1))[::2]
        loss[at] = -np.minimum(np.minimum(lowest, puts_at_zero), 0.0) + 0.0
        return loss


def _gathered(strike: Array, size: Array, first: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[Array, Array]:
    """Sum of ``size * |K - strike|`` over the lines that were passed on the way from `first` to `last`, at each line and at 0.

    All runs advance together, line by line, the longest first: those that still go on are then the head of the list.
    """
    length = np.abs(last - first) + 1
    order = np.argsort(-length, kind="stable")
    length, line, step = length[order], first[order], np.where(last < first, -1, 1)[order]
    value, slope, at = np.zeros(len(order)), np.zeros(len(order)), strike[line]
    by_line = np.zeros(len(strike))
    for passed in range(int(length[0])):
        going = int(np.searchsorted(-length, -passed))  # runs with more than `passed` lines
        here = line[:going] + passed * step[:going]
        value[:going] += slope[:going] * np.abs(strike[here] - at[:going])
        slope[:going] += size[here]
        at[:going] = strike[here]
        by_line[here] = value[:going]
    at_zero = np.empty(len(order))
    at_zero[order] = value + slope * at
    return by_line, at_zero


def _refuse_inverse(market: Market, options: NDArray[np.bool_]) -> None:
    wrong = np.flatnonzero(options[: len(market)] & market.inverse)
    if len(wrong):
        row = int(wrong[0])
        raise DataError(
            "an inverse option cannot net inside its expiry: its payoff in coin is not linear between strikes",
            table="instruments",
            column="contract",
            row=row,
            key={"instrument": market.instruments[row]},
            value="inverse",
            count=len(wrong),
            hint="Leave inverse options out of the book, or choose a rule that margins each position on its own.",
        )
