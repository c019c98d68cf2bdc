"""Question sets become runs, runs become scores, and scores become verdicts and reports.

    run = run_questions(Library.open(), Path("set.jsonl"), Path("run.jsonl"))
    scores = score_run(run)
    comparison = compare_runs(load_run(Path("before.jsonl")), run)

These are the functions that the `notesqa eval` commands call. Names are imported at their first
use, so `import eval` costs nothing. (Write `from eval import …`: a bare `import eval` hides the
builtin.)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.compare import SHOWN as SHOWN
    from eval.compare import Comparison as Comparison
    from eval.compare import compare_runs as compare_runs
    from eval.compare import smallest as smallest
    from eval.compare import verdict as verdict
    from eval.dataset import Question as Question
    from eval.dataset import load_questions as load_questions
    from eval.gate import Decision as Decision
    from eval.gate import gate_run as gate_run
    from eval.measures import DESCRIPTIONS as DESCRIPTIONS
    from eval.measures import Measure as Measure
    from eval.run import Run as Run
    from eval.run import load_run as load_run
    from eval.run import run_questions as run_questions
    from eval.score import Scores as Scores
    from eval.score import evaluate as evaluate
    from eval.score import score_run as score_run

_HOME = {
    "Comparison": "eval.compare",
    "DESCRIPTIONS": "eval.measures",
    "Decision": "eval.gate",
    "Measure": "eval.measures",
    "Question": "eval.dataset",
    "Run": "eval.run",
    "SHOWN": "eval.compare",
    "Scores": "eval.score",
    "compare_runs": "eval.compare",
    "evaluate": "eval.score",
    "gate_run": "eval.gate",
    "load_questions": "eval.dataset",
    "load_run": "eval.run",
    "run_questions": "eval.run",
    "score_run": "eval.score",
    "smallest": "eval.compare",
    "verdict": "eval.compare",
}

__all__ = [
    "Comparison",
    "DESCRIPTIONS",
    "Decision",
    "Measure",
    "Question",
    "Run",
    "SHOWN",
    "Scores",
    "compare_runs",
    "evaluate",
    "gate_run",
    "load_questions",
    "load_run",
    "run_questions",
    "score_run",
    "smallest",
    "verdict",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eval' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
