"""Parameter files: what wins on which day, and what is said about files and names that are wrong."""

import datetime as dt
from pathlib import Path

import pytest

from margin.errors import ParameterError
from margin.params import ACCEPTED, STATUSES, Parameters, Value

SHIPPED = sorted((Path(__file__).parents[1] / "src" / "margin" / "venues").glob("*/params/*.toml"))

LAYERS = """
[[layer]]
as_of = 2024-06-17
status = "official"
source = "docs"
[layer.general]
mm_factor = 0.8
moves = [-0.66, 1]
order = ["up", "down"]
[layer.pair.BTC_USD]
price_range = 0.16
[layer.currency.BTC]
impact = "both"
netted = false

[[layer]]
as_of = "2026-02-15"
status = "recorded"
source = "response"
[layer.pair.BTC_USD]
price_range = 0.15

[[layer]]
as_of = 2026-09-23T10:00:00Z
status = "third_party"
source = "reader"
[layer.pair.BTC_USD]
price_range = 0.14
slope = 1

[[layer]]
as_of = 2024-06-17
status = "illustrative"
source = "made up"
[layer.pair.BTC_USD]
price_range = 0.5
[layer.pair.SOL_USD]
price_range = 0.3
"""


def write(folder: Path, text: str, name: str = "file.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path, LAYERS)


@pytest.mark.parametrize(
    ("day", "accept", "expected"),
    [
        ("2024-06-17", ACCEPTED, 0.16),
        ("2026-02-14", ACCEPTED, 0.16),
        ("2026-02-15", ACCEPTED, 0.15),
        ("2026-09-22", ACCEPTED, 0.15),
        ("2026-09-23", ACCEPTED, 0.14),
        ("2026-09-23", ("official", "recorded"), 0.15),
        ("2026-09-23", ("official",), 0.16),
        ("2026-09-23", "official", 0.16),
        ("2026-02-14", STATUSES, 0.16),  # official and illustrative of one day: the better founded
        ("2026-02-14", ("illustrative",), 0.5),
    ],
)
def test_the_latest_accepted_layer_in_force_wins(path: Path, day: str, accept: tuple[str, ...], expected: float) -> None:
    assert Parameters.load(path, as_of=day, accept=accept).number("pair.BTC_USD.price_range") == expected


@pytest.mark.parametrize(
    "day",
    [
        dt.date(2026, 2, 15),
        dt.datetime(2026, 2, 15, 23, 59),  # noqa: DTZ001 - a naive time is taken as it is
        dt.datetime(2026, 2, 16, 1, tzinfo=dt.timezone(dt.timedelta(hours=2))),
        "2026-02-15",
        "2026-02-15T08:00:00Z",
    ],
)
def test_a_day_may_be_given_in_several_ways(path: Path, day: dt.date | str) -> None:
    parameters = Parameters.load(path, as_of=day)
    assert parameters.as_of == dt.date(2026, 2, 15)
    assert parameters.number("pair.BTC_USD.price_range") == 0.15


def test_values_keep_their_type_and_their_origin(path: Path) -> None:
    parameters = Parameters.load(path, as_of="2026-09-23")
    assert parameters.value("general.mm_factor") == Value(
        "general.mm_factor", 0.8, dt.date(2024, 6, 17), "official", "docs", str(path)
    )
    assert parameters.number("pair.BTC_USD.slope") == 1.0
    assert isinstance(parameters.number("pair.BTC_USD.slope"), float)
    assert parameters.numbers("general.moves") == (-0.66, 1.0)
    assert parameters.get("general.order") == ("up", "down")
    assert parameters.text("currency.BTC.impact") == "both"
    assert parameters.flag("currency.BTC.netted") is False


def test_sections_are_listed(path: Path) -> None:
    parameters = Parameters.load(path, as_of="2026-09-23")
    assert parameters.names("pair") == ("BTC_USD",)
    assert parameters.names("pair.BTC_USD") == ("price_range", "slope")
    assert parameters.names("nothing") == ()
    assert "pair.BTC_USD.slope" in parameters
    assert "pair.BTC_USD" not in parameters
    assert len(parameters) == len(parameters.items()) == 7
    assert parameters.statuses() == {"official", "third_party"}


def test_a_later_file_wins_whatever_its_date(path: Path, tmp_path: Path) -> None:
    text = '[[layer]]\nas_of = 2020-01-01\nstatus = "third_party"\nsource = "me"\n[layer.pair.BTC_USD]\nprice_range = 0.2'
    mine = write(tmp_path, text, "mine.toml")
    assert Parameters.load(path, mine, as_of="2026-09-23").number("pair.BTC_USD.price_range") == 0.2
    assert Parameters.load(mine, path, as_of="2026-09-23").number("pair.BTC_USD.price_range") == 0.14
    assert Parameters.load(path, mine, as_of="2026-09-23").number("pair.BTC_USD.slope") == 1


@pytest.mark.parametrize(
    ("name", "day", "accept", "text"),
    [
        (
            "pair.DOGE_USD.price_range",
            "2026-03-01",
            ACCEPTED,
            "has no value on 2026-03-01; give it in a parameter file",
        ),
        ("pair.btc_usd.price_range", "2026-03-01", ACCEPTED, "has no value"),
        ("pair.BTC_USD.slope", "2026-03-01", ACCEPTED, "has no value on 2026-03-01: first known on 2026-09-23;"),
        ("pair.BTC_USD.price_range", "2024-06-16", ACCEPTED, "first known on 2024-06-17;"),
        (
            "pair.SOL_USD.price_range",
            "2026-03-01",
            ACCEPTED,
            "only an illustrative value exists (since 2024-06-17); accept it with accept=('official', 'recorded', ",
        ),
        ("pair.BTC_USD.slope", "2026-10-01", ("official",), "only a third_party value exists (since 2026-09-23)"),
        ("pair.BTC_USD", "2026-10-01", ACCEPTED, "pair.BTC_USD is a section (price_range, slope), not a value"),
    ],
)
def test_what_is_missing_is_named(path: Path, name: str, day: str, accept: tuple[str, ...], text: str) -> None:
    with pytest.raises(ParameterError) as caught:
        Parameters.load(path, as_of=day, accept=accept).number(name)
    assert caught.value.name == name
    assert str(caught.value).startswith(name)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("call", "name", "text"),
    [
        ("number", "general.order", "general.order is list ['up', 'down'], not a number"),
        ("number", "currency.BTC.netted", "false, not a number"),
        ("number", "currency.BTC.impact", "'both', not a number"),
        ("numbers", "general.order", "not a list of numbers"),
        ("numbers", "general.mm_factor", "not a list of numbers"),
        ("text", "general.mm_factor", "0.8, not a string"),
        ("flag", "general.mm_factor", "0.8, not true or false"),
    ],
)
def test_a_value_of_another_type_is_refused(path: Path, call: str, name: str, text: str) -> None:
    parameters = Parameters.load(path, as_of="2026-10-01")
    with pytest.raises(ParameterError) as caught:
        getattr(parameters, call)(name)
    assert text in str(caught.value)
    assert str(path) in str(caught.value)


HEAD = '[[layer]]\nas_of = 2024-01-01\nstatus = "official"\nsource = "docs"\n'


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ("a = ", "", "not valid TOML"),
        ("[general]\na = 1", "general", "unknown key"),
        ("layer = 3", "layer", "not a list of tables"),
        ("layer = [3]", "layer", "not a list of tables"),
        ("[layer]\na = 1", "layer", "not a list of tables"),
        ('[[layer]]\nstatus = "official"\nsource = "docs"', "layer[0].as_of", "missing"),
        ('[[layer]]\nas_of = 2024-01-01\nsource = "docs"', "layer[0].status", "missing"),
        (HEAD + '[[layer]]\nas_of = 2024-01-01\nstatus = "official"', "layer[1].source", "missing"),
        (HEAD.replace("2024-01-01", '"soon"'), "layer[0].as_of", "'soon' is not a date"),
        (HEAD.replace("2024-01-01", "2024"), "layer[0].as_of", "2024 is not a date"),
        (HEAD.replace("2024-01-01", "10:00:00"), "layer[0].as_of", "10:00:00 is not a date"),
        (HEAD.replace("official", "rumoured"), "layer[0].status", "'rumoured' is not a status; choose from official"),
        (HEAD.replace('"official"', "1"), "layer[0].status", "1 is not a status"),
        (HEAD.replace('"docs"', '" "'), "layer[0].source", "does not say where the values come from"),
        (HEAD + "fee = 1", "layer[0].fee", "1 stands outside a section"),
        (HEAD + "[layer.general]\na = nan", "layer[0].general.a", "nan is not a finite number"),
        (HEAD + "[layer.general]\na = [1, -inf]", "layer[0].general.a[1]", "-inf is not a finite number"),
        (HEAD + f"[layer.general]\na = 1{'0' * 400}", "layer[0].general.a", "too large"),
        (HEAD + "[layer.general]\na = 2024-01-01", "layer[0].general.a", "2024-01-01 is not a number"),
        (HEAD + "[layer.general]\na = [{b = 1}]", "layer[0].general.a[0]", "a table is not a number"),
        (HEAD + '[layer.general]\n"a.b" = 1', "layer[0].general.'a.b'", "letters, digits"),
        (
            HEAD + "[layer.g]\na = 1\n" + HEAD + "[layer.g.a]\nb = 1",
            "layer[1].g.a",
            "a section here, but a value in another",
        ),
        (
            HEAD + "[layer.g.a]\nb = 1\n" + HEAD + "[layer.g]\na = 1",
            "layer[1].g.a",
            "a value here, but a section in another",
        ),
        (HEAD + "[layer.g]\na = 1\n" + HEAD + "[layer.g]\na = 2", "layer[1].g.a", "given twice with as_of 2024-01-01"),
    ],
)
def test_a_malformed_file_is_told_with_file_and_key(tmp_path: Path, text: str, where: str, problem: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ParameterError) as caught:
        Parameters.load(path, as_of="2026-01-01")
    assert caught.value.name == where
    assert caught.value.scope == str(path)
    assert str(caught.value).startswith(f"{path}: {where}")
    assert problem in str(caught.value)


def test_a_file_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "binary.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ParameterError, match=r"binary\.toml: not valid TOML"):
        Parameters.load(path, as_of="2026-01-01")
    with pytest.raises(FileNotFoundError):
        Parameters.load(tmp_path / "none.toml", as_of="2026-01-01")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"as_of": "yesterday"}, "as_of: 'yesterday' is not a date"),
        ({"as_of": 20240101}, "as_of: 20240101 is not a date"),
        ({"as_of": "2024-01-01", "accept": ("official", "rumoured")}, "accept: 'rumoured' is not a status"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        Parameters.load(**arguments)  # type: ignore[arg-type]


def test_values_can_be_replaced_without_a_file(path: Path) -> None:
    before = Parameters.load(path, as_of="2026-01-01")
    after = before.with_({"pair.BTC_USD.price_range": 0.2, "general.moves": [1, 2]}, source="what if")
    assert after.number("pair.BTC_USD.price_range") == 0.2
    assert after.numbers("general.moves") == (1.0, 2.0)
    assert after.number("general.mm_factor") == 0.8
    assert after.value("general.moves").status == "illustrative"
    assert after.statuses() == {"official", "illustrative"}
    assert before.number("pair.BTC_USD.price_range") == 0.16
    assert list(dict(after.items())) == sorted(dict(after.items()))
    with pytest.raises(ParameterError, match=r"what if: general\.a: nan is not a finite number"):
        before.with_({"general.a": float("nan")}, source="what if")
    with pytest.raises(ParameterError, match="'sure' is not a status"):
        before.with_({"general.a": 1}, source="what if", status="sure")


def test_the_fingerprint_follows_values_alone(tmp_path: Path) -> None:
    def fingerprint(head: str, body: str) -> str:
        return Parameters.load(write(tmp_path, head + body), as_of="2026-01-01").fingerprint()

    one = fingerprint(HEAD, "[layer.g]\na = 1\nb = [2]")
    assert len(one) == 64
    assert one == fingerprint(HEAD.replace("docs", "elsewhere").replace("01-01", "01-02"), "[layer.g]\nb = [2.0]\na = 1.0")
    assert one != fingerprint(HEAD, "[layer.g]\na = 1\nb = [2.0000001]")
    assert one != fingerprint(HEAD, "[layer.g]\na = true\nb = [2]")
    assert one != fingerprint(HEAD, "[layer.h]\na = 1\nb = [2]")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_shipped_files_are_well_formed(path: Path) -> None:
    assert len(Parameters.load(path, as_of="2100-01-01", accept=STATUSES))


@pytest.mark.parametrize("venue", sorted({path.parts[-3] for path in SHIPPED}))
def test_shipped_files_do_not_override_each_other(venue: str) -> None:
    seen: dict[str, Path] = {}
    for path in (path for path in SHIPPED if path.parts[-3] == venue):
        for name in Parameters.load(path, as_of="2100-01-01", accept=STATUSES).values:
            assert seen.setdefault(name, path) == path, f"{name} in {seen[name].name} and {path.name}"
