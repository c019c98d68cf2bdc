"""Question sets become runs, and runs become scores.

Names are imported at their first use, so `import eval` costs nothing. (Write `from eval import
…`: a bare `import eval` hides the builtin.)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from eval.dataset import Question as Question
    from eval.dataset import load_questions as load_questions
    from eval.measures import Measure as Measure
    from eval.score import evaluate as evaluate

_HOME = {
    "Measure": "eval.measures",
    "Question": "eval.dataset",
    "evaluate": "eval.score",
    "load_questions": "eval.dataset",
}

__all__ = ["Measure", "Question", "evaluate", "load_questions"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'eval' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
