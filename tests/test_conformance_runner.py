"""The runner of published vectors: what passes, and above all that it can fail."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from margin.conformance import Report, Tolerance, Tolerances, compare, read_vectors, run_files, venue_adapters
from margin.errors import DataError

EXACT = Tolerances(Tolerance())


def met(expected: object, actual: object, tolerances: Tolerances = EXACT) -> bool:
    return not list(compare(expected, actual, tolerances))


def paths(expected: object, actual: object, tolerances: Tolerances = EXACT) -> list[str]:
    return [mismatch.path for mismatch in compare(expected, actual, tolerances)]


def tolerances(keys: Mapping[str, float], default: float = 0.0) -> Tolerances:
    """Absolute tolerances by path."""
    each = tuple((tuple(path.split(".")), Tolerance(abs=allowed)) for path, allowed in keys.items())
    return Tolerances(Tolerance(abs=default), each)


@pytest.mark.parametrize(
    ("rel", "allowed", "want", "got", "expected"),
    [
        (0, 0, 1.0, 1.0, True),
        (0, 0, 1, 1.0, True),
        (0, 0, 1.0, 1.0 + 1e-14, True),  # binary64 rounding
        (0, 0, 1.0, 1.0 + 2e-13, False),
        (0, 0, 1e9, 1e9 + 5e-5, True),
        (0, 0, 1e9, 1e9 + 2e-4, False),
        (0, 0, 0, 0.0, True),
        (0, 0, 0, -0.0, True),
        (0, 0, 0, 1e-300, False),  # exact at zero: nothing to be relative to
        (0, 1e-6, 0, 1e-6, True),
        (0, 1e-6, 0, 1.1e-6, False),
        (0, 1e-6, 5, 5 - 0.9e-6, True),
        (0, 1e-6, 5, 5 - 1.1e-6, False),
        (0.01, 0, 200, 202, True),
        (0.01, 0, 200, 197.9, False),
        (0.01, 0, -200, -202, True),
        (0.01, 0, -200, -202.1, False),
        (0.01, 3, 200, 203, True),  # the larger of the two
        (0.01, 3, 200, 203.1, False),
        (0, 0, 5, -5, False),
    ],
)
def test_a_number_is_met_within_its_tolerance(rel: float, allowed: float, want: float, got: float, expected: bool) -> None:
    assert met(want, got, Tolerances(Tolerance(rel, allowed))) is expected


@pytest.mark.parametrize("got", [float("nan"), float("inf"), True, "1", None, [1], {"a": 1}])
def test_what_is_no_finite_number_never_meets_a_number(got: object) -> None:
    assert not met(1, got, Tolerances(Tolerance(rel=10, abs=10)))


@pytest.mark.parametrize(
    ("decimals", "want", "got", "expected"),
    [
        (0, 1234, 1234.99, True),
        (0, 1234, 1235.0, False),
        (0, 1234, 1233.99, False),
        (0, 1234, 1234 - 1e-10, True),  # an integer short of itself by rounding
        (0, -1234, -1234.99, True),
        (0, -1234, -1235.0, False),
        (0, 0, -0.4, True),
        (0, 0, 0.0, True),
        (3, 0.123, 0.1239, True),
        (3, 0.123, 0.124, False),
        (3, 0.29, 0.29, True),
        (2, -0.07, -0.0799, True),
    ],
)
def test_a_truncated_number_is_cut_before_it_is_compared(decimals: int, want: float, got: float, expected: bool) -> None:
    assert met(want, got, Tolerances(Tolerance(truncate_decimals=decimals))) is expected


def test_a_truncated_number_still_has_its_tolerance() -> None:
    assert met(1234, 1235.5, Tolerances(Tolerance(abs=1, truncate_decimals=0)))
    assert not met(1234, 1236.5, Tolerances(Tolerance(abs=1, truncate_decimals=0)))


@pytest.mark.parametrize(
    ("want", "got", "expected"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", np.str_("a"), True),
        ("1", 1, False),
        (True, True, True),
        (True, np.bool_(True), True),
        (True, False, False),
        (True, 1, False),
        (False, 0, False),
        (None, None, True),
        (None, 0, False),
        (None, False, False),
        (0, None, False),
        ({}, {}, True),
        ({}, {"a": 1}, True),
        ({}, [], False),
        ([], [], True),
        ([], {}, False),
        ([], [1], False),
    ],
)
def test_what_is_no_number_has_to_be_equal(want: object, got: object, expected: bool) -> None:
    assert met(want, got, Tolerances(Tolerance(rel=10, abs=10))) is expected


def test_lists_are_compared_in_order_and_length() -> None:
    assert met([1, 2], [1, 2])
    assert met([1, 2], (1, 2))
    assert met([1.0, 2.0], np.array([1.0, 2.0]))
    assert paths([1, 2], [2, 1]) == ["0", "1"]
    assert paths({"a": [1, 2]}, {"a": [1, 2, 3]}) == ["a"]
    assert paths({"a": [1, 2]}, {"a": [1]}) == ["a"]
    assert paths({"a": [{"b": 1}, {"b": 2}]}, {"a": [{"b": 1}, {"b": 3}]}) == ["a.1.b"]


def test_a_missing_leaf_fails_and_an_additional_one_does_not() -> None:
    assert met({"a": 1}, {"a": 1, "b": 2})
    assert paths({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1}) == ["b.c", "b.d"]
    assert paths({"b": {}, "c": []}, {}) == ["b", "c"]
    assert [str(m) for m in compare({"a": 1}, {}, EXACT)] == ["a: expected 1, got missing (tolerance rel 0, abs 0)"]
    assert [str(m) for m in compare({"a": None}, {}, EXACT)] == ["a: expected null, got missing"]
    assert paths({"a": 1}, [1]) == [""]


def test_the_longest_path_gives_the_tolerance() -> None:
    by_path = tolerances({"a": 1, "a.b": 2, "a.b.c": 3}, default=0.5)
    assert [by_path.at(p).abs for p in [("x",), ("a",), ("a", "x"), ("a", "b"), ("a", "b", "x"), ("a", "b", "c")]] == [
        0.5,
        1,
        1,
        2,
        2,
        3,
    ]


def test_stars_stand_for_one_key_and_give_way_to_names() -> None:
    by_path = tolerances({"a.*": 1, "*.b": 2, "a.b": 3, "*.*.c": 4, "a.*.c": 5, "*.*.*": 6})
    at = {path: by_path.at(tuple(path.split("."))).abs for path in ("a", "a.x", "x.b", "a.b", "x.y.c", "a.y.c", "a.b.d")}
    assert at == {"a": 0, "a.x": 1, "x.b": 2, "a.b": 3, "x.y.c": 4, "a.y.c": 5, "a.b.d": 6}


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_patterns_does_not_matter(order: int) -> None:
    keys = {"a.*": 1.0, "a.b": 2.0, "*.b": 3.0}
    assert tolerances(dict(list(keys.items())[::order])).at(("a", "b")).abs == 2


def test_keys_with_dots_can_be_addressed() -> None:
    by_path = tolerances({"v.+0.5": 1, "v.*": 2, "v.*.c": 3, "list.1.x": 4})
    assert by_path.at(("v", "+0.5")).abs == 1
    assert by_path.at(("v", "-0.33")).abs == 2
    assert by_path.at(("v", "-0.33", "c")).abs == 3
    assert by_path.at(("list", "1", "x")).abs == 4
    assert by_path.at(("list", "2", "x")).abs == 0


def test_a_tolerance_for_one_key_replaces_the_general_one() -> None:
    either = Tolerances(Tolerance(abs=1, truncate_decimals=0), ((("a",), Tolerance()),))
    assert met({"a": 2, "b": 2}, {"a": 2, "b": 2.9}, either)
    assert paths({"a": 2, "b": 2}, {"a": 2.5, "b": 2.9}, either) == ["a"]


def vector(**fields: Any) -> dict[str, Any]:
    return {
        "id": "one",
        "venue": "v",
        "kind": "double",
        "reproduced": True,
        "inputs": {"x": 2},
        "expected": {"y": 4},
        "tolerance": {"rel": 0, "abs": 0},
        **fields,
    }


def double(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"y": 2 * inputs["x"], "seen": sorted(inputs)}


def run(tmp_path: Path, *vectors: object) -> Report:
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps(list(vectors)), encoding="utf-8")
    return run_files([path], adapters=lambda venue: {"double": double} if venue == "v" else {})


def statuses(report: Report) -> list[str]:
    return [result.status for result in report.results]


def test_vectors_pass_fail_or_are_unsupported(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        vector(),
        vector(id="two", expected={"y": 5}),
        vector(id="three", kind="triple"),
        vector(id="four", venue="w"),
        vector(id="five", expected={"y": 4, "z": 1}),
    )
    assert statuses(report) == ["passed", "failed", "unsupported", "unsupported", "failed"]
    assert report.totals == {"passed": 1, "failed": 2, "unsupported": 2, "informative": 0}
    assert report.counts == {
        ("v", "double"): {"passed": 1, "failed": 2, "unsupported": 0, "informative": 0},
        ("v", "triple"): {"passed": 0, "failed": 0, "unsupported": 1, "informative": 0},
        ("w", "double"): {"passed": 0, "failed": 0, "unsupported": 1, "informative": 0},
    }
    assert not report.ok


def test_vectors_that_were_not_reproduced_are_informative(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        vector(reproduced=False),
        vector(reproduced=False, expected={"y": 5}),
        vector(reproduced=False, inputs={}),
        vector(reproduced=False, kind="triple"),
    )
    assert statuses(report) == ["informative", "informative", "informative", "unsupported"]
    assert [bool(result.reasons) for result in report.results] == [False, True, True, False]
    assert report.ok


def test_an_adapter_sees_a_copy_of_the_inputs_alone(tmp_path: Path) -> None:
    def greedy(inputs: dict[str, Any]) -> dict[str, Any]:
        seen = sorted(inputs)
        inputs["x"]["deep"] = 9
        return {"seen": seen, "again": inputs["x"]}

    path = tmp_path / "vectors.json"
    one = vector(inputs={"x": {}, "context": 1}, expected={"seen": ["context", "x"], "again": {"deep": 9}})
    path.write_text(json.dumps([one, one]), encoding="utf-8")
    assert statuses(run_files([path, path], adapters=lambda _: {"double": greedy})) == ["passed"] * 4


def test_an_adapter_that_raises_has_failed_with_its_message(tmp_path: Path) -> None:
    report = run(tmp_path, vector(inputs={}), vector())
    assert statuses(report) == ["failed", "passed"]
    assert report.results[0].reasons == ("raised KeyError: 'x'",)


def test_an_adapter_that_returns_no_mapping_has_failed(tmp_path: Path) -> None:
    path = tmp_path / "vectors.json"
    path.write_text(json.dumps([vector()]), encoding="utf-8")
    report = run_files([path], adapters=lambda _: {"double": lambda _: None})  # type: ignore[dict-item, return-value]
    assert report.results[0].reasons == ("result: expected an object with 1 keys, got null",)


def test_the_report_as_text(tmp_path: Path) -> None:
    report = run(
        tmp_path,
        vector(),
        vector(id="two", expected={"y": 5}, tolerance={"rel": 0, "abs": 0.5}),
        vector(id="three", venue="w"),
        vector(id="four", reproduced=False, expected={"y": 3}),
        vector(id="five", reproduced=False),
    )
    file = tmp_path / "vectors.json"
    assert report.render() == (
        "venue  kind    passed  failed  unsupported  informative\n"
        "v      double       1       1            0            2\n"
        "v      (all)        1       1            0            2\n"
        "w      double       0       0            1            0\n"
        "w      (all)        0       0            1            0\n"
        "\n"
        "Failures:\n"
        f"  v/double two ({file})\n"
        "    y: expected 5, got 4 (tolerance rel 0, abs 0.5)\n"
        "\n"
        "Informative:\n"
        f"  v/double four ({file})\n"
        "    y: expected 3, got 4 (tolerance rel 0, abs 0)\n"
        f"  v/double five ({file})\n"
        "    agrees\n"
        "\n"
        "1 passed, 1 failed, 1 unsupported, 2 informative"
    )
    assert run(tmp_path).render() == "0 passed, 0 failed, 0 unsupported, 0 informative"


def test_the_report_as_json(tmp_path: Path) -> None:
    document = json.loads(run(tmp_path, vector(expected={"y": 5})).to_json())
    assert document["totals"] == {"passed": 0, "failed": 1, "unsupported": 0, "informative": 0}
    assert document["counts"] == [{"venue": "v", "kind": "double", **document["totals"]}]
    assert document["results"][0]["mismatches"] == [{"path": "y", "expected": "5", "actual": "4", "tolerance": "rel 0, abs 0"}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[{", "not JSON"),
        ("[NaN]", "NaN is not a number"),
        ("[1e400]", "row 0: inf is not a vector"),
        ('{"id": "one"}', "not a list of vectors, but an object with 1 keys"),
        ("3", "not a list of vectors, but 3"),
        ("[3]", "row 0: 3 is not a vector"),
        (json.dumps([vector(), {"id": "two"}]), "row 1 (id 'two'): has no key 'venue'"),
        (json.dumps([vector(id=7)]), "row 0: 'id' is 7, not a string"),
        (json.dumps([vector(inputs=[])]), "row 0 (id 'one'): 'inputs' is a list of 0, not an object"),
        (json.dumps([vector(reproduced="yes")]), "'reproduced' is 'yes', not true or false"),
        (json.dumps([vector(expected={})]), "'expected' is empty"),
        (json.dumps([vector(tolerance={"abs": -1})]), "a tolerance is -1, not a number >= 0"),
        (json.dumps([vector(tolerance={"rel": True})]), "a tolerance is true, not a number >= 0"),
        (json.dumps([vector(tolerance={"keys": []})]), "'tolerance.keys' is a list of 0, not an object"),
        (json.dumps([vector(tolerance={"keys": {"y": 1}})]), "a tolerance is 1, not an object"),
        (json.dumps([vector(tolerance={"truncate_decimals": 1.5})]), "'truncate_decimals' is 1.5"),
        (json.dumps([vector(tolerance={"truncate_decimals": -1})]), "'truncate_decimals' is -1"),
    ],
)
def test_a_bad_file_is_told_with_file_and_element(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_vectors(path)
    assert str(caught.value).startswith(str(path))
    assert problem in str(caught.value)


def test_a_file_in_no_encoding_of_json(tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(b"[\xff]")
    with pytest.raises(DataError, match="not JSON"):
        run_files([path])


def test_unknown_venues_have_no_adapters() -> None:
    assert venue_adapters("nowhere") == {}
    assert venue_adapters("..conformance") == {}
