"""Imports point one way: knowledge <- actions, knowledge <- bot, and the first two know nothing of what uses them."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from knowledge.settings import ROOT

PACKAGES = ("knowledge", "actions", "bot")


def files_of(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert len(found) > 5, package
    return found


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of each module that a file imports, wherever in it the import stands."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if called in ("__import__", "import_module", "importlib.import_module"):
                yield node.lineno, str(node.args[0].value)


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize(
    ("package", "forbidden"), [("knowledge", ("actions", "bot")), ("actions", ("bot",)), ("bot", ("actions",))]
)
def test_package_does_not_import_what_stands_above_or_beside_it(package: str, forbidden: tuple[str, ...]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files_of(package)
        for line, name in imports_of(path)
        if any(is_within(name, other) for other in forbidden)
    ]
    assert wrong == []


def test_safety_screen_imports_nothing_of_ours_but_the_encoder() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in files_of("bot/safety")
        for line, name in imports_of(path)
        if any(is_within(name, package) for package in PACKAGES)
        and not (is_within(name, "bot.safety") or is_within(name, "knowledge.encoder"))
    ]
    assert wrong == []


def test_safety_screen_talks_to_no_network_and_no_rasa() -> None:
    forbidden = ("rasa", "rasa_sdk", "httpx", "requests", "urllib.request", "socket", "aiohttp")
    for path in files_of("bot/safety"):
        for line, name in imports_of(path):
            assert not any(is_within(name, other) for other in forbidden), f"{path.name}:{line} imports {name}"


def test_encoder_needs_nothing_of_ours_but_its_errors() -> None:
    ours = {name for _, name in imports_of(ROOT / "knowledge" / "encoder.py") if is_within(name, "knowledge")}
    assert ours == {"knowledge.errors.EncoderError"}
    assert list(imports_of(ROOT / "knowledge" / "errors.py")) == []


def test_only_the_build_imports_torch() -> None:
    heavy = {
        module_of(path)
        for package in PACKAGES
        for path in files_of(package)
        for _, name in imports_of(path)
        if is_within(name, "torch") or is_within(name, "sentence_transformers")
    }
    allowed = {
        name for name in heavy if name.startswith(("knowledge.embedder", "bot.safety.learning", "bot.safety.train"))
    }
    assert heavy == allowed
    assert "knowledge.embedder" in heavy


OPENS_NOTHING = """
import json, sys

opened = []

def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])
    elif event == "socket.bind" and arguments[1][1] == 0:
        pass  # urllib3 looks whether there is IPv6
    elif event.startswith(("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.")):
        opened.append(event)

sys.addaudithook(watch)
for module in sys.argv[2:]:
    __import__(module)
mine = [path for path in opened if not path.startswith("/") and "." in path or path.startswith(sys.argv[1])]
loaded = [name for name in ("torch", "faiss", "onnxruntime", "spacy", "rasa") if name in sys.modules]
print(json.dumps({"opened": mine, "loaded": loaded}))
"""


def import_in_a_process(*modules: str) -> dict[str, list[str]]:
    command = [sys.executable, "-B", "-c", OPENS_NOTHING, str(ROOT), *modules]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=True)
    found: dict[str, list[str]] = json.loads(ran.stdout)
    return found


def files_that_are_no_code(found: dict[str, list[str]]) -> list[str]:
    return [
        path
        for path in found["opened"]
        if not path.endswith((".py", ".pyc", ".so")) and "/.venv/" not in path and "site-packages" not in path
    ]


def test_importing_actions_opens_nothing() -> None:
    found = import_in_a_process("actions")
    assert files_that_are_no_code(found) == []
    assert found["loaded"] == []


def test_importing_every_module_of_actions_opens_no_model_no_index_and_no_connection() -> None:
    modules = [module_of(path) for path in files_of("actions")]
    found = import_in_a_process(*modules)
    assert files_that_are_no_code(found) == []
    assert "torch" not in found["loaded"]
