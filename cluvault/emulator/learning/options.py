"""How a training is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cluvault.errors import UsageError

TrainingMode = Literal["standard", "advanced"]
EvaluationKind = Literal["percentage", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Training mode and evaluation options.

    Attributes:
        mode: `advanced` learns from more features of the text, and takes longer.
        evaluation_kind: `percentage` splits the utterances of dataset Train, `manual` goes by each one's dataset.
        training_split: Percent of a percentage split that train.
        testing_split: Percent that test; the two make 100.
        seed: Another one gives another percentage split. Without one the split goes by the utterances' texts alone,
            so that an edit moves no utterance that it does not touch, and figures of two models can be compared.
    """

    mode: TrainingMode = "standard"
    evaluation_kind: EvaluationKind = "percentage"
    training_split: int = 80
    testing_split: int = 20
    seed: int | None = None

    def __post_init__(self) -> None:
        given = (self.training_split, self.testing_split)
        if self.evaluation_kind == "percentage" and (min(given) < 0 or sum(given) != 100):  # noqa: PLR2004  # percent
            raise UsageError(
                f"a split of {self.training_split} % for training and {self.testing_split} % for testing is none",
                mend="give two percentages that sum to 100",
            )

    def evaluation_to_wire(self) -> dict[str, Any]:
        """The `evaluationOptions` of an evaluation."""
        if self.evaluation_kind == "manual":
            return {"kind": "manual"}
        return {
            "kind": "percentage",
            "trainingSplitPercentage": self.training_split,
            "testingSplitPercentage": self.testing_split,
        }
