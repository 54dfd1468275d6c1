"""Worlds by name."""

from __future__ import annotations

import pytest

from engine import worlds
from models import slow_okx


@pytest.fixture(scope="session")
def world_of(market, tmp_path_factory):
    """Make a world of `worlds.NAMES`."""
    path = tmp_path_factory.mktemp("engine") / "borrow.toml"
    text = '[[layer]]\nas_of = 2020-01-01\nstatus = "illustrative"\nsource = "test"\n'
    for currency, (mmr, imr) in slow_okx.BORROW.items():
        text += f"[layer.borrow.{currency}]\nbounds = [0]\nmmr = [{mmr}]\nimr = [{imr}]\n"
    path.write_text(text, encoding="utf-8")
    made: dict[str, worlds.World] = {}

    def of(name: str) -> worlds.World:
        return made.setdefault(name, worlds.make(name, market, [path]))

    return of
