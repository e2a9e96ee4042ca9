"""Faults of regular expressions that are certain whoever reads them.

The service's dialect is .NET's. Python reads most of it; of what it refuses, only faults of structure (a bracket that
is never closed, a quantifier after nothing) are faults in .NET too.
"""

from __future__ import annotations

import re
import warnings
from typing import Final

_NET_GROUP: Final = re.compile(r"\(\?(?:<(?=[A-Za-z_])|')(\w+)[>']")
_STRUCTURAL: Final = (
    "missing )",
    "unbalanced parenthesis",
    "unterminated",
    "nothing to repeat",
    "multiple repeat",
    "min repeat greater",
    "bad character range",
    "bad escape (end of pattern)",
)


def pattern_fault(pattern: str) -> str:
    """What is wrong with the structure of a pattern; empty when nothing is, or when only .NET can tell."""
    if not pattern:
        return "it is empty"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's advice on how to write for Python
        try:
            re.compile(_NET_GROUP.sub(r"(?P<\1>", pattern))
        except re.error as err:
            return err.msg if err.msg.startswith(_STRUCTURAL) else ""
        except (OverflowError, RecursionError):
            return ""
    return ""
