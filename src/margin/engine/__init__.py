"""One book kept ready: the next market, the next trade, the next question without starting over."""

from margin.engine.account import Account, Effect
from margin.engine.engine import Engine

__all__ = ["Account", "Effect", "Engine"]
