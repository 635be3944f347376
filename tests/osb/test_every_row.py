"""Every row of the checklist of the specification (version 2.17) has a test: `test_row_NN_…`; a missing one fails here.

The rows, in the order of the specification: transport 1-10, catalog 11-16, provision 17-23, update 24-27, fetch 28-30,
last operation 31-35, deprovision 36-39, bindings 40-46, orphans 47-48.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROWS = range(1, 49)


def rows_with_tests() -> set[int]:
    names = [
        node.name
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    return {int(found[1]) for name in names if (found := re.match(r"test_row_(\d\d)_", name))}


@pytest.mark.parametrize("row", ROWS)
def test_the_row_has_a_test(row: int) -> None:
    assert row in rows_with_tests()
