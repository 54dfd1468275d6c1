"""Assessments and explanations in notebooks."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser

import pytest

from margin import Book, Market, venues
from margin.text import number

PERPETUAL = {
    "instrument": ["BTC-PERPETUAL"],
    "kind": ["perpetual"],
    "contract": ["inverse"],
    "base": ["BTC"],
    "quote": ["USD"],
    "settlement": ["BTC"],
    "contract_size": [10.0],
}


class Parser(HTMLParser):
    """Checks nesting and keeps the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parsed(html):
    parser = Parser()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module", params=["cross_portfolio", "segregated_standard"])
def result(request):
    market = Market.of(
        time="2026-02-15T08:00:00Z",
        instruments=PERPETUAL,
        indices={"index": ["BTC_USD"], "price": [70_000.0]},
        quotes={"instrument": ["BTC-PERPETUAL"], "mark": [70_020.0]},
        currencies={"currency": ["BTC"], "usd": [70_000.0]},
    )
    accounts = ["<b>A&B</b>", *(f"A-{i}" for i in range(14))]
    book = Book.of(
        positions={"account": accounts, "instrument": ["BTC-PERPETUAL"] * 15, "quantity": [5_000.0] * 15},
        balances={"account": accounts, "currency": ["BTC"] * 15, "amount": [0.2] * 15},
    )
    return venues.load("deribit").regime(request.param, as_of="2026-02-15").assess(book, market)


def test_assessment(result):
    html = result._repr_html_()
    found = parsed(html)
    assert "<b>" not in html
    assert "<b>A&B</b>" in found.text
    assert "5 more pools" in found.text
    assert number(float(result.initial_margin[0])) in found.text
    assert {"table", "caption", "thead", "th"} <= found.tags
    assert "script" not in found.tags


def test_explanation(result):
    explanation = result.explain("<b>A&B</b>")
    html = explanation._repr_html_()
    found = parsed(html)
    assert "<b>" not in html
    assert any("<b>A&B</b>" in text for text in found.text)
    assert "BTC-PERPETUAL" in found.text
    for name, amount in explanation.pools[0].figures.items():
        assert name.replace("_", " ") in found.text
        assert number(amount) in found.text


def test_no_template_engine_is_needed():
    code = "import sys; import margin.markup; assert not {'jinja2', 'plotly', 'markupsafe'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
