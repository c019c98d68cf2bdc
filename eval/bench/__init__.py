"""How fast, how large and how good: notesqa beside what people would use instead, and alone.

    python -m eval.bench.side_by_side   the same notes, model and questions for all systems
    python -m eval.bench.growth         libraries of 1,000 to 200,000 chunks
    python -m eval.bench.http           one client and 64 clients, while the notes change
    python -m eval.bench.edit           one paragraph edited among 1,000 notes

Each writes its own part of `RESULTS.md`. They run from a checkout and are not installed.
"""
