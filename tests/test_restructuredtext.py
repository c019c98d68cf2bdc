from __future__ import annotations

from rag.documents.text.restructuredtext import parse

TEXT = """:orphan:

=====
Title
=====

.. _target:

Intro with :ref:`a link <x>`. Then::

    code here

    more

Section
-------

.. note:: Take care
   of this.

.. code-block:: python
   :linenos:

   print(1)

.. a comment
   of two lines

.. math:: a = b

- one
- two
  more

  * inner

===== ====
A     B
===== ====
x     1
y     2
===== ====

+---+---+
| A | B |
+===+===+
| c | d |
|   | e |
+---+---+
| f | g |
+---+---+

Sub
~~~

:param x: the x
:returns: y

term
  definition

.. toctree::
   :maxdepth: 2

   a

.. [1] A footnote.

>>> 1+1
2

.. list-table:: Caption
   :header-rows: 1

   * - A
     - B
   * - c
     - d

.. figure:: x.png
   :alt: hidden

   The caption.

----

Section 2
---------
End.
"""


def test_every_construct_is_its_block() -> None:
    document = parse("a.rst", TEXT.encode())
    assert document.title == "Title"
    assert [(block.kind.value, block.span.of(TEXT)) for block in document.blocks] == [
        ("heading", "=====\nTitle\n====="),
        ("paragraph", "Intro with :ref:`a link <x>`. Then::"),
        ("code", "    code here\n\n    more"),
        ("heading", "Section\n-------"),
        ("paragraph", "Take care\n   of this."),
        ("code", "   print(1)"),
        ("math", "a = b"),
        ("list", "- one\n- two\n  more\n\n  * inner"),
        ("table", TEXT[TEXT.index("===== ====") : TEXT.index("\n\n+---")]),
        ("table", TEXT[TEXT.index("+---") : TEXT.index("\n\nSub")]),
        ("heading", "Sub\n~~~"),
        ("list", ":param x: the x\n:returns: y"),
        ("paragraph", "term\n  definition"),
        ("paragraph", "A footnote."),
        ("code", ">>> 1+1\n2"),
        ("paragraph", "Caption"),
        ("table", "   * - A\n     - B\n   * - c\n     - d"),
        ("paragraph", "   The caption."),
        ("heading", "Section 2\n---------"),
        ("paragraph", "End."),
    ]


def test_levels_follow_the_first_use_of_adornments() -> None:
    headings = [block for block in parse("a.rst", TEXT.encode()).blocks if block.level]
    assert [block.level for block in headings] == [1, 2, 3, 2]
    assert [block.parts[0].of(TEXT) for block in headings] == [
        *("Title", "Section", "Sub", "Section 2")
    ]


def test_items_and_rows_are_parts() -> None:
    parts = [
        [part.of(TEXT) for part in block.parts]
        for block in parse("a.rst", TEXT.encode()).blocks
        if block.kind in ("list", "table")
    ]
    assert parts[:3] == [
        ["- one", "- two\n  more", "  * inner"],
        ["A     B", "x     1", "y     2"],
        ["| A | B |", "| c | d |\n|   | e |", "| f | g |"],
    ]


def test_a_line_of_dashes_under_text_that_is_indented_is_no_heading() -> None:
    document = parse("a.rst", b"Text\n  more\n-------\n")
    assert [block.kind for block in document.blocks] == ["paragraph"]


def test_titles_and_headers_of_tables_are_said() -> None:
    text = (
        '.. csv-table:: Marks of 2024\n   :header: "Name", "Mark"\n   :widths: 3, 1\n\n'
        '   Ada, 1\n   "Bob\n   B.", 2\n\nAfter.\n\n'
        ".. list-table:: Rooms\n   :header-rows: 1\n\n   * - Day\n     - Hall\n"
    )
    document = parse("a.rst", text.encode())
    found = [(block.kind.value, block.span.of(text)) for block in document.blocks]
    assert [kind for kind, _ in found] == ["paragraph", "table", "paragraph", "paragraph", "table"]
    assert (found[0][1], found[3][1]) == ("Marks of 2024", "Rooms")
    rows = [part.of(text) for part in document.blocks[1].parts]
    assert rows == ['"Name", "Mark"', "Ada, 1", '"Bob\n   B.", 2']


def test_a_footnote_may_begin_below_its_number() -> None:
    document = parse("a.rst", b"See [1]_.\n\n.. [1]\n   The note.\n\n.. [2] \n")
    assert [block.span.of(document.text) for block in document.blocks] == [
        "See [1]_.",
        "   The note.",
    ]
