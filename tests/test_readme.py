from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import ROOT, WordLengths

from eval import DESCRIPTIONS as MEASURES
from eval import LOWER_IS_BETTER
from rag import DESCRIPTIONS, Library, Settings

README = (ROOT / "README.md").read_text("utf-8")
EVALUATION = (ROOT / "eval/README.md").read_text("utf-8")


def between(text: str, mark: str) -> str:
    found = re.search(rf"<!-- {mark} -->\n(.*)\n<!-- /{mark} -->", text, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = [
        f"| `{field.name}` | {f'`{field.default}`' if field.default != '' else 'none'} "
        f"| {DESCRIPTIONS[field.name]} |"
        for field in fields(Settings)
    ]
    expected = "\n".join(["| key | default | what it is |", "|---|---|---|", *rows])
    assert between(README, "settings") == expected


def test_the_readme_of_evaluation_lists_every_measure() -> None:
    rows = [
        f"| `{name}` | {said}{' (lower is better)' if name in LOWER_IS_BETTER else ''} |"
        for name, said in MEASURES.items()
    ]
    expected = "\n".join(["| measure | what it says |", "|---|---|", *rows])
    assert between(EVALUATION, "measures") == expected


@pytest.mark.parametrize("folder", ["", "eval"])
def test_every_file_a_readme_links_to_is_there(folder: str) -> None:
    text = (ROOT / folder / "README.md").read_text("utf-8")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / folder / link).exists()] == []


def test_every_module_of_evaluation_is_in_its_readme() -> None:
    modules = {file.name for file in (ROOT / "eval").glob("*.py")} - {"__init__.py"}
    assert modules == set(re.findall(r"\]\((\w+\.py)\)", EVALUATION))


def test_the_example_of_the_python_api_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rag.pipeline.ModelEmbedder", lambda *_: WordLengths("words"))
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus/a.md").write_text("Only the head learns.", encoding="utf-8")
    evidence = [{"document": "a.md", "quote": "Only the head learns."}]
    asked = {"id": "1", "fact": "1", "question": "What learns?", "kind": "", "evidence": evidence}
    (tmp_path / "set.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    Library().index()
    code = re.search(r"```python\n(.*?)```", EVALUATION, re.DOTALL)
    assert code is not None
    exec(code[1], {})
    assert capsys.readouterr().out.startswith("Measure(value=1.0,")
    assert (tmp_path / "report.html").stat().st_size > 1000
