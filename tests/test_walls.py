"""Guards of the layout that `docs/design.md` describes: who may import whom, what may stand where."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "margin"
SOURCES = sorted(PACKAGE.rglob("*.py"))
VENUES = sorted(path.name for path in (PACKAGE / "venues").iterdir() if (path / "rules.py").exists())

PLANNED = {"binance", "bybit", "hyperliquid", "okx"}

# Numbers that carry structure (signs, halves, percents, indices), not a venue's parameter.
STRUCTURAL = {-1, 0, 0.5, 1, 2, 100}


def rooms() -> dict[str, int]:
    """Floor of every room, from the table in the design document: the lowest first."""
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    floors: dict[str, int] = {}
    for floor, line in enumerate(line for line in text.splitlines() if line.startswith("| `")):
        for name in re.findall(r"`([^`]+)`", line.split("|")[1]):
            floors.setdefault(re.split(r"[/.]", name)[0], floor)
    return floors


def room(path: Path) -> str:
    """Room of a file: its top-level folder or module inside the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def names(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(path: Path) -> Iterator[str]:
    """Yield the room of every import of the package in a file, inside functions too, but for those of type checkers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{names(path)}: relative import"
            modules = [f"margin.{a.name}" for a in node.names] if node.module == "margin" else [node.module or ""]
        for module in modules:
            if module.startswith("margin."):
                yield module.split(".")[1]


def test_every_room_stands_in_the_design_document() -> None:
    known = rooms()
    assert {room(path) for path in SOURCES} - {"__init__"} <= set(known)


@pytest.mark.parametrize("path", SOURCES, ids=names)
def test_imports_point_downwards(path: Path) -> None:
    if room(path) == "__init__":
        pytest.skip("the package's own door re-exports from every room")
    floor = rooms()
    here = room(path)
    for target in imports(path):
        if target not in floor:
            assert target.startswith("__"), f"{names(path)} imports an unknown room {target!r}"
            continue
        assert floor[target] <= floor[here], f"{names(path)} ({here}) imports upwards: {target}"


@pytest.mark.parametrize(("one", "other"), [("pools", "models"), ("models", "pools")])
def test_pools_and_models_never_import_each_other(one: str, other: str) -> None:
    for path in sorted((PACKAGE / one).rglob("*.py")):
        assert other not in set(imports(path)), names(path)


def test_no_venue_is_named_below_the_venues() -> None:
    known = rooms()
    word = re.compile("|".join(rf"\b{name}\b" for name in {*VENUES, *PLANNED}), re.IGNORECASE)
    below = [path for path in PACKAGE.rglob("*") if path.suffix in {".py", ".pyx", ".pyi", ".c", ".h"}]
    for path in below:
        if path.name.startswith("_core.c") or known.get(room(path).split(".")[0], 0) >= known["venues"]:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert not word.search(line), f"{names(path)}:{number} names a venue: {line.strip()}"


@pytest.mark.parametrize("venue", VENUES)
def test_no_number_of_a_venue_in_its_rules(venue: str) -> None:
    folder = PACKAGE / "venues" / venue
    # Adapters of vectors convert units and identities hold figures of examples; all other modules compose rules.
    composing = [path for path in folder.glob("*.py") if not re.match("conformance|vectors|summary", path.name)]
    assert folder / "rules.py" in composing
    for path in composing:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and type(node.value) in (int, float):
                assert node.value in STRUCTURAL, f"{names(path)}:{node.lineno}: {node.value} belongs in params/*.toml"


def test_no_flag_that_changes_values() -> None:
    build = [ROOT / "setup.py", ROOT / "pyproject.toml", *(PACKAGE / "_native").rglob("*"), *PACKAGE.glob("*.pyx")]
    for path in build:
        code = "\n".join(re.split(r"#|//|/\*", line)[0] for line in path.read_text(encoding="utf-8").splitlines())
        assert not re.search(r"-ffast-math|-Ofast|-funsafe-math|/fp:fast|fopenmp", code), path


@pytest.mark.parametrize(("pattern", "limit"), [("*.py", 400), ("*.pyx", 800), ("*.h", 400), ("*.c", 400)])
def test_files_stay_short(pattern: str, limit: int) -> None:
    for path in PACKAGE.rglob(pattern):
        if path.name == "_core.c":  # generated
            continue
        lines = len(path.read_text(encoding="utf-8").splitlines())
        assert lines <= limit, f"{names(path)} has {lines} lines; split it by concept"


def test_import_is_light() -> None:
    """`import margin` loads numpy and nothing else from outside the standard library."""
    code = "import sys; import margin; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    extras = {"pyarrow", "pandas", "polars", "duckdb", "click", "rich", "scipy", "numba", "narwhals", "asyncio", "unittest"}
    assert not loaded & extras


def test_core_needs_numpy_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert [re.split(r"[<>=~ ]", need)[0] for need in project["dependencies"]] == ["numpy"]


def test_every_parameter_file_is_packaged() -> None:
    """Files that a wheel lacks would not be missed by the tests, which run on the sources."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    packages = {path.parent for path in SOURCES if path.name == "__init__.py"}
    packaged = {file for package in packages for pattern in settings["*"] for file in package.glob(pattern)}
    assert packaged == set(PACKAGE.rglob("*.toml"))
