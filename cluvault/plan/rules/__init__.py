"""The rules of validation, by what they look at. A rule is a function from a file to findings; none knows another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluvault.plan.rules import conversations, labels, language, members, orchestration, project, schema, utterances

if TYPE_CHECKING:
    from cluvault.plan.rules.subject import Rule

RULES: Final[tuple[Rule, ...]] = (
    *project.RULES,
    *language.RULES,
    *schema.RULES,
    *orchestration.RULES,
    *utterances.RULES,
    *labels.RULES,
    *conversations.RULES,
    *members.RULES,
)
"""All rules; their order has no influence on what validation says."""
