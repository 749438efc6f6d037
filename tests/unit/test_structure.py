"""What import-linter cannot say: rules, views and models use nothing but these libraries."""

import sys
from pathlib import Path

import grimp
import pytest

PACKAGE = Path(__file__).parents[2] / "gitops_bot"

# The standard library without what reads the world: files, processes, sockets, clocks, chance.
PURE_STANDARD_LIBRARY = {
    "abc", "base64", "binascii", "bisect", "codecs", "collections", "contextlib", "csv", "dataclasses", "datetime",
    "decimal", "difflib", "enum", "fnmatch", "functools", "hashlib", "hmac", "html", "io", "itertools", "json", "math",
    "operator", "posixpath", "re", "string", "textwrap", "types", "typing", "unicodedata", "urllib", "zlib",
    "__future__",
}  # fmt: skip

ALLOWED = {
    "models": set(),
    # YAML is what we decide about. It does no I/O.
    "rules": {"yaml"},
    # Templates that are loaded from strings; text for a terminal.
    "views": {"jinja2", "markupsafe", "rich", "yaml", "pydantic"},
}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("gitops_bot", include_external_packages=True, cache_dir=None)


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_a_pure_room_uses_only_the_libraries_it_is_allowed(graph: grimp.ImportGraph, room: str) -> None:
    modules = {name for name in graph.modules if name == f"gitops_bot.{room}" or name.startswith(f"gitops_bot.{room}.")}
    assert modules, room
    found = {
        (module, outside)
        for module in modules
        for outside in graph.find_modules_directly_imported_by(module)
        if not outside.startswith("gitops_bot")
    }
    wrong = {(module, outside) for module, outside in found if outside not in PURE_STANDARD_LIBRARY | ALLOWED[room]}
    assert not wrong, sorted(wrong)


def test_the_allow_list_names_only_what_exists() -> None:
    assert set(sys.stdlib_module_names) >= PURE_STANDARD_LIBRARY


@pytest.mark.parametrize("room", ["rules", "models"])
def test_no_rule_asks_for_the_time(room: str) -> None:
    for file in (PACKAGE / room).rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for word in ("datetime.now(", "time.time(", "utcnow(", "date.today("):
            assert word not in text, f"{file.name}: time comes in as a value, not from {word})"


def test_the_map_names_every_room() -> None:
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name not in {"__pycache__", "models"}}
    text = (PACKAGE / "__init__.py").read_text(encoding="utf-8")
    assert {room for room in rooms if f"``{room}``" not in text} == set()
