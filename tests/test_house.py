"""The house rules, held by tests: who imports whom, how long a file may be, where errors are swallowed."""

from __future__ import annotations

import ast
import gc
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "personalize"
GROUND = {
    "asgi", "breaker", "conditions", "config", "errors", "model", "packed", "paths", "patience", "plugins", "protocols",
    "quantities",
}  # fmt: skip
FLOORS = {
    "visitor", "segments", "decision", "content", "page", "events", "stores", "profiles", "recommend", "bandits",
    "reports",
}  # fmt: skip
# What stands above the floors, and what each may import besides the ground and the floors.
ROOF = {
    "observe": set(), "routes": set(), "client_apps": set(), "shared": set(), "checked": set(), "refusal": set(),
    "terminal": {"observe"},
    "operators": {"terminal"},
    "history": {"operators"},
    "engine": {"client_apps", "history", "routes", "shared"},
    "membership": {"engine"},
    "exchange": {"engine"},
    "explain": {"engine", "operators"},
    "reload": {"checked", "engine", "history", "operators"},
    "visit": {"engine", "exchange", "explain", "routes", "shared"},
    "editor": {"checked", "client_apps", "engine", "exchange", "explain", "history", "reload", "routes", "terminal",
               "visit"},
    "own": {"editor", "engine", "explain", "history", "membership", "visit"},
    "middleware": {"editor", "engine", "observe", "own", "refusal", "reload", "routes", "visit"},
    "flags": set(), "imports": {"terminal"},
    "replay": {"engine", "history", "observe", "terminal"},
    "payoff": {"history", "terminal"},
    "people": {"engine", "history", "membership", "own", "terminal"},
    "upkeep": {"history", "operators", "terminal"},
    "cli": {"checked", "editor", "engine", "flags", "history", "imports", "operators", "payoff", "people", "replay",
            "terminal", "upkeep"},
    "testing": set(), "__main__": {"cli"}, "__init__": {"middleware"},
}  # fmt: skip
# Ground parts lean on each other in one direction only (names for types, under TYPE_CHECKING, are no arrows there).
BELOW = {
    "asgi": set(), "breaker": set(), "errors": set(), "model": set(), "packed": set(), "paths": set(),
    "patience": set(), "quantities": set(),
    "protocols": {"model"}, "plugins": {"errors", "model"},
    "conditions": {"model", "errors", "paths", "quantities"},
    "config": {"model", "errors", "paths", "quantities", "conditions"},
}  # fmt: skip
SWALLOWED = {
    # file: how many `except Exception` it holds; each tells the Observer
    "content/flights.py": 2,
    "events/giving.py": 1,
    "events/log.py": 1,
    "exchange.py": 3,
    "history/history.py": 1,
    "history/keeping.py": 1,
    "middleware.py": 1,
    "testing/asgi.py": 1,  # `call` keeps the error of the app under test, when told to
    "history/learning.py": 1,
    "history/lists.py": 1,
    "page/splicer.py": 1,  # of reading ahead, which is done again where the Observer hears of it
    "plugins.py": 1,
    "reload.py": 1,
}


def parsed(source: str) -> ast.Module:
    """The tree of a file. CPython 3.11 can fail here when a finalizer runs in between, so none may."""
    gc.disable()
    try:
        return ast.parse(source)
    finally:
        gc.enable()


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(file: Path, source: str) -> set[str]:
    """Rooms of this package that a file imports, relatively or by name."""
    here = ("personalize", *file.relative_to(PACKAGE).parts[:-1])
    rooms: set[str] = set()
    tree = parsed(source)
    if room_of(file) in BELOW:
        tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(p for p in (base, node.module or "") if p)
            names = [module] if node.module else [f"{module}.{a.name}" for a in node.names]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        rooms |= {n.split(".")[1] for n in names if n.startswith("personalize.")}
    return rooms


def forbidden(room: str, imports: set[str]) -> set[str]:
    if room in FLOORS:
        return imports - GROUND - {room}
    if room in BELOW:
        return imports - BELOW[room] - {room}
    return imports - GROUND - FLOORS - ROOF[room] - {room}


def test_floors_import_the_ground_and_never_each_other() -> None:
    """Each file imports only what the table above allows its room."""
    wrong = {
        str(f.relative_to(PACKAGE)): bad
        for f in files()
        if (bad := forbidden(room_of(f), imported_rooms(f, f.read_text())))
    }
    assert not wrong


def test_the_table_would_notice_a_floor_reaching_into_another() -> None:
    """A planted import from one floor to another is found, written either way."""
    file = PACKAGE / "page" / "planted.py"
    for line in (
        "from ..decision import Decider",
        "from personalize.decision.rules import x",
        "import personalize.stores",
    ):
        assert forbidden("page", imported_rooms(file, line))


def test_rooms_lean_on_each_other_in_one_direction() -> None:
    """What stands above the floors has an order: each room needs only rooms that come before it in the table."""
    before: set[str] = set()
    for room, needs in ROOF.items():
        if room.startswith("__"):
            continue
        assert needs <= before, f"{room} comes before {needs - before}"
        before.add(room)


@pytest.mark.parametrize("file", files(), ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_file_is_at_most_400_lines(file: Path) -> None:
    """A module can be read in one sitting."""
    assert len(file.read_text().splitlines()) <= 400


def test_errors_are_swallowed_only_where_the_table_says() -> None:
    """`except Exception` stands in the named places only, so that mistakes can't hide elsewhere."""
    found: dict[str, int] = {}
    for file in files():
        for node in ast.walk(parsed(file.read_text())):
            if isinstance(node, ast.ExceptHandler) and (
                node.type is None
                or (isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException"))
            ):
                name = str(file.relative_to(PACKAGE))
                found[name] = found.get(name, 0) + 1
    assert found == SWALLOWED


def test_importing_the_package_loads_nothing_heavy_and_no_extra() -> None:
    """A site that imports the middleware does not pay for what it does not use yet."""
    heavy = "httpx lxml user_agents ua_parser uvicorn asyncpg redis jinja2 numpy rich click"
    code = f"""
import sys
from personalize import PersonalizeMiddleware, load_config
print([m for m in {heavy.split()!r} if m in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_the_command_line_loads_what_its_commands_need_when_they_are_called() -> None:
    """`personalize --help` waits for no config language and no folds."""
    heavy = "pydantic personalize.config.models personalize.profiles personalize.history personalize.engine rich"
    code = f"""
import sys
import personalize.cli
print([m for m in {heavy.split()!r} if m in sys.modules])
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"
