"""The page in a real browser: its numbers against the result tables, sorting, searching; nothing loaded, no complaint."""

from __future__ import annotations

import os
from itertools import pairwise

import numpy as np
import pytest

from browser import Browser, chromium

pq = pytest.importorskip("pyarrow.parquet")

DRAWN = "document.documentElement.dataset.drawn === 'true'"
WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium() is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no Chromium; .ci/run installs it")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def page(browser, made):
    """The page at desktop width; ends with the check that it asked for nothing and complained about nothing."""
    browser.media(prefers_color_scheme="light")
    browser.open(made.html, width=WIDTHS[0], ready=DRAWN)
    yield browser
    assert browser.complaints() == []
    assert browser.requests() == [made.html.as_uri()]


@pytest.fixture(scope="module")
def tables(made):
    return [pq.read_table(folder / "assessments.parquet").to_pylist() for folder in made.results]


def usd(made, rows, name):
    """Sum of a column over the rows of all results, in USD."""
    worth = {total.currency: total.usd for result in made.page.results for total in result.currencies}
    return sum(row[name] * worth[row["currency"]] for row in rows)


def values(browser, table, column):
    """What the visible rows of a table hold in a column, by data-value."""
    script = f"""(() => {{
        const table = document.getElementById({table!r});
        const at = [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === {column!r});
        return [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => row.cells[at].dataset.value);
    }})()"""
    return browser.value(script)


def head(table, column):
    """An expression for the button in a head."""
    return f"[...document.querySelectorAll('#{table} thead button')].find((b) => b.textContent === {column!r})"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_loaded_and_nothing_complained_about(browser, made, tmp_path, width, scheme):
    browser.media(prefers_color_scheme=scheme)
    browser.open(made.html, width=width, ready=DRAWN)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value("document.querySelectorAll('.plot .main-svg').length") > 0
    plots = "document.querySelectorAll('figure .plot').length"
    assert browser.value(plots) == browser.value("document.querySelectorAll('figure .js-plotly-plot').length")
    assert browser.complaints() == []
    assert browser.requests() == [made.html.as_uri()]
    browser.screenshot(tmp_path / "page.png")
    assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_forbids_every_request(browser, made):
    """Also one that a later change would make: the policy in the page blocks it."""
    browser.open(made.html, width=WIDTHS[0], ready=DRAWN)
    asked = "fetch('https://example.org/').then(() => 'loaded', () => 'blocked')"
    assert browser.value(asked) == "blocked"
    assert any("Content Security Policy" in text for text in browser.complaints())


def test_totals(page, made, tables):
    rows = [row for table in tables for row in table]

    def shown(name):
        return float(page.value(f"document.getElementById({name!r}).value"))

    assert shown("accounts") == 800
    assert shown("initial") == pytest.approx(usd(made, rows, "initial_margin"), rel=1e-12)
    assert shown("maintenance") == pytest.approx(usd(made, rows, "maintenance_margin"), rel=1e-12)
    assert shown("equity") == pytest.approx(usd(made, rows, "equity"), rel=1e-12)
    gone = [row for row in rows if row["status"] == "liquidation"]
    assert shown("shortfall") == pytest.approx(-usd(made, gone, "excess"), rel=1e-12)
    accounts = {(i, row["account"]) for i, table in enumerate(tables) for row in table if row["status"] == "liquidation"}
    assert shown("liquidation") == len(accounts)


def test_components_and_bins(page, made, tables):
    script = """[...document.querySelectorAll('#by-component tr[data-mode]')]
        .map((row) => [row.dataset.mode, row.dataset.component, row.cells[1].dataset.value])"""
    shown = {(mode, name): float(value) for mode, name, value in page.value(script)}
    for table, result in zip(tables, made.page.results, strict=True):
        for name in result.components:
            assert shown[result.mode, name] == pytest.approx(usd(made, table, name), rel=1e-9, abs=1e-6)
    bins = """[...document.querySelectorAll('.bins')]
        .map((table) => [...table.tBodies[0].rows].map((row) => Number(row.cells[1].dataset.value)))"""
    for table, counts in zip(tables, page.value(bins), strict=True):
        ratios = np.array([row["utilisation"] for row in table])
        inside = [int(((ratios >= low) & (ratios < low + 0.1) & (ratios > 0)).sum()) for low in np.arange(10) / 10]
        assert counts[0] == int((ratios == 0).sum())
        assert counts[-1] == int((ratios >= 1).sum())
        assert sum(counts) == len(table)
        assert counts[1:-1] == pytest.approx(inside, abs=1)  # a ratio on an edge


def test_the_nearest(page, tables):
    alive = [row for table in tables for row in table if row["status"] != "liquidation" and row["maintenance_margin"] > 0]
    first = [sorted((r for r in alive if r in table), key=lambda r: -r["utilisation"])[:60] for table in tables]
    expected = sorted((row for rows in first for row in rows), key=lambda row: -row["utilisation"])
    assert [float(v) for v in values(page, "nearest", "utilisation")] == [row["utilisation"] for row in expected]
    assert values(page, "nearest", "account") == [row["account"] for row in expected]
    assert [float(v) for v in values(page, "nearest", "maintenance")] == [row["maintenance_margin"] for row in expected]


def test_sorting_by_mouse_and_by_keyboard(page):
    before = [float(v) for v in values(page, "nearest", "maintenance")]
    page.value(f"{head('nearest', 'maintenance')}.click()")
    assert [float(v) for v in values(page, "nearest", "maintenance")] == sorted(before, reverse=True)
    page.value(f"{head('nearest', 'account')}.focus()")
    page.key("Enter", 13, "\r")
    accounts = values(page, "nearest", "account")
    assert accounts == sorted(accounts)
    page.key("Enter", 13, "\r")
    assert values(page, "nearest", "account") == sorted(accounts, reverse=True)
    sort = "[...document.querySelectorAll('#nearest thead th')].map((th) => th.getAttribute('aria-sort')).filter(Boolean)"
    assert page.value(sort) == ["descending"]
    page.key("Tab", 9)
    assert page.value("document.activeElement.textContent") == "status"


def test_searching_and_filtering(page):
    accounts = values(page, "nearest", "account")
    page.value("document.querySelector('form[data-table=nearest] input').focus()")
    page.type(accounts[7])
    assert set(values(page, "nearest", "account")) == {accounts[7]}
    output = "document.querySelector('form[data-table=nearest] output').value"
    assert page.value(output) == f"{accounts.count(accounts[7])} of {len(accounts)} rows"
    page.type(" nothing like this")
    assert values(page, "nearest", "account") == []
    page.value("document.querySelector('form[data-table=nearest]').reset()")
    page.value(
        """(() => { const select = document.querySelector('form[data-table=nearest] select');
        select.value = 'restricted'; select.dispatchEvent(new Event('input', { bubbles: true })); })()"""
    )
    shown = values(page, "nearest", "status")
    assert shown
    assert set(shown) == {"restricted"}


def test_single_accounts_are_those_of_the_run(page, tables):
    script = """[...document.querySelectorAll('.account')].map((s) => [s.dataset.account, s.querySelector('p').textContent,
        s.querySelector('data.initial').value, s.querySelector('data.utilisation').value])"""
    shown = page.value(script)
    assert len(shown) == 3
    for account, words, _, utilisation in shown:
        table = tables[0] if "cross_portfolio" in words else tables[1]
        rows = [row for row in table if row["account"] == account]
        assert float(utilisation) == pytest.approx(max(row["utilisation"] for row in rows), rel=1e-9)
    steps = "document.querySelectorAll('.waterfall, .modes, .step-note').length"
    assert page.value(steps) >= 9


def test_charts_have_names_and_numbers_behind_them(page):
    assert page.value("[...document.querySelectorAll('.plot')].every((p) => p.ariaLabel && p.role === 'img')")
    assert page.value("[...document.querySelectorAll('figure')].every((f) => f.querySelector('details table tbody tr'))")
    assert page.value("[...document.querySelectorAll('table')].every((t) => t.caption && t.querySelector('th[scope]'))")
    assert page.value("[...document.querySelectorAll('button, input, select')].every((e) => e.labels?.length || e.textContent)")
    levels = page.value("[...document.querySelectorAll('h1, h2, h3')].map((h) => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def contrast(browser, selector):
    """Contrast of the text of an element with what lies behind it, as WCAG has it."""
    return browser.value(
        """((selector) => {
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const light = (color) => {
            canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255)
                .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const element = document.querySelector(selector);
        let behind = element;
        while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
        const back = behind ? getComputedStyle(behind).backgroundColor : 'white';
        const [low, high] = [light(getComputedStyle(element).color), light(back)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
        })"""
         f"({selector!r})"
    )


def test_colours_have_contrast_in_both_themes(page):
    names = []
    for _ in range(3):
        names.append(page.value("document.querySelector('#theme span').textContent"))
        for selector in ("td", "thead th", "caption", "a", ".notice", ".status.restricted", ".status.liquidation", ".cards dt"):
            assert contrast(page, selector) >= 4.5, (names[-1], selector)
        page.value("document.getElementById('theme').click()")
    assert names == ["auto", "light", "dark"]
    page.value("localStorage.clear()")


def test_print(page, tmp_path):
    page.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
