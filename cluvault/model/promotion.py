"""Promotions: the plan of one, and the records that it leaves in the vault, one a step, none of them ever changed.

What a promotion is at any moment is read from its records alone; so whoever finds them can go on where a process died.
"""

from __future__ import annotations

from datetime import date  # pydantic reads the annotations
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from cluvault.model.golden import GoldenUtterance
from cluvault.model.manifest import VAULT_FORMAT, Record, Tool
from cluvault.model.measurement import GoldenAnswer, PairedOutcome, Scores
from cluvault.model.reference import SNAPSHOT_ID
from cluvault.model.verdict import Verdict
from cluvault.settings import RouteSettings

PLAN_FORMAT: Final = 1
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


# --- the plan ------------------------------------------------------------------------------------------------------


class PlannedSource(Record):
    """What is promoted: a snapshot, never the moving live project."""

    reference: str
    resource: str
    project: str
    digest: str
    api_version: str


class PlannedTarget(Record):
    """What stands at the target.

    Attributes:
        digest: None when there is no such project.
        production: The label of the model that serves; None without a production deployment.
        staging: The same of the staging deployment.
    """

    resource: str
    project: str
    digest: str | None
    production: str | None = None
    staging: str | None = None


class PromotionPlan(Record):
    """Everything that a promotion will go by. As a file it is what a reviewer agrees to.

    Attributes:
        settings: The route, with its gate, slots and overrides, as it was configured.
        meant_digest: What the target is to hold: the source with its overrides.
        api_version: The version that imports it.
        golden: The golden utterances, so that the file may lie on another machine; None when the gate has none.
        changed_share: How much of the target's utterances changes; None for a new project.
        difference: What changes at the target, in one line.
        blast_radius: What that means for single intents and entities.
        notes: What is said in another way, so that the target's api-version takes it.
        losses: What it will lack.
        warnings: What to look at before.
        refusals: Guards that refuse the plan as it is; with any of them nothing is applied.
        steps: What will be done, in order.
        nothing_to_do: Whether the target holds it already and a model that was promoted with it serves.
    """

    format: Literal[1] = PLAN_FORMAT
    route: str
    settings: RouteSettings
    source: PlannedSource
    target: PlannedTarget
    kind: str
    language: str
    meant_digest: str
    api_version: str
    golden: tuple[GoldenUtterance, ...] | None = None
    changed_share: float | None = None
    difference: str
    blast_radius: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    accept_drift: bool = False
    allow_loss: bool = False
    nothing_to_do: bool = False
    planned_at: AwareDatetime
    planned_by: str

    @property
    def sentence(self) -> str:
        """The plan in one line."""
        return f"promote {self.source.reference} to {self.target.resource}/{self.target.project} by {self.route}"


# --- what each step leaves -----------------------------------------------------------------------------------------


class Planned(Record):
    """The first record: the plan. Who wrote it asked for the promotion.

    Attributes:
        flow_run: The Prefect flow run that began it; None when it was begun without.
    """

    step: Literal["planned"] = "planned"
    plan: PromotionPlan
    flow_run: str | None = None


class Safety(Record):
    """The target as it was before anything changed.

    Attributes:
        snapshot: The safety snapshot; None when there was no such project.
        digest: Its canonical digest.
        api_version: The version that exported it, and imports it again.
        production: The label of the model that served; None when there was no such deployment.
        staging: The same of the staging deployment.
    """

    step: Literal["safety"] = "safety"
    snapshot: str | None
    digest: str | None
    api_version: str = ""
    production: str | None
    staging: str | None


class ImportBegun(Record):
    """From here on the target may hold the new content."""

    step: Literal["import-begun"] = "import-begun"


class Imported(Record):
    """The service took it; its warnings."""

    step: Literal["imported"] = "imported"
    warnings: tuple[str, ...] = ()


class Proved(Record):
    """Exported again, the target means what was meant."""

    step: Literal["proved"] = "proved"
    digest: str


class Trained(Record):
    """The target's own model of it."""

    step: Literal["trained"] = "trained"
    model: str
    config_version: str = ""
    expires_on: date | None = None


class Evaluated(Record):
    """The model's scores; None for what it has none of."""

    step: Literal["evaluated"] = "evaluated"
    intents: Scores | None
    entities: Scores | None


class Staged(Record):
    """The model is in the staging deployment, in place of `before`."""

    step: Literal["staged"] = "staged"
    model: str
    before: str | None


class Probe(Record):
    """A text, and the intent that the staged model gives it: production has to say the same after the swap."""

    text: str
    language: str | None = None
    intent: str


class Measured(Record):
    """What the staged model answers.

    Attributes:
        paired: Its answers beside those of the model that serves; None when nothing serves, or nobody asked.
        notes: What limits these figures.
    """

    step: Literal["measured"] = "measured"
    golden: tuple[GoldenAnswer, ...] | None
    paired: tuple[PairedOutcome, ...] | None
    probes: tuple[Probe, ...]
    notes: tuple[str, ...] = ()


class Judged(Record):
    """The gate's verdict."""

    step: Literal["judged"] = "judged"
    verdict: Verdict


class ApprovalAsked(Record):
    """A person has to agree until the deadline; nothing is held while waiting.

    Attributes:
        flow_run: The Prefect flow run that asks, if one does.
    """

    step: Literal["approval-asked"] = "approval-asked"
    deadline: AwareDatetime
    flow_run: str | None = None


Through = Literal["command", "form"]
"""How somebody decided: by a command, under the name of who ran it; in Prefect's form, under the name given there."""


class Approved(Record):
    """Somebody agreed."""

    step: Literal["approved"] = "approved"
    note: Note = ""
    through: Through = "command"


class Rejected(Record):
    """Somebody did not."""

    step: Literal["rejected"] = "rejected"
    note: Note = ""
    through: Through = "command"


class SwapBegun(Record):
    """From here on production may serve the new model."""

    step: Literal["swap-begun"] = "swap-begun"


class Swapped(Record):
    """Production serves the new model."""

    step: Literal["swapped"] = "swapped"


class Probed(Record):
    """Production answered so many probes as staging had."""

    step: Literal["probed"] = "probed"
    answers: int


class Promoted(Record):
    """The good end."""

    step: Literal["promoted"] = "promoted"
    digest: str
    model: str


Cause = Literal["gate", "rejected", "expired", "probe", "failed", "cancelled", "by-hand"]


class RollbackBegun(Record):
    """The promotion is undone, and why."""

    step: Literal["rollback-begun"] = "rollback-begun"
    cause: Cause
    why: str


class SwappedBack(Record):
    """Production serves what it served before."""

    step: Literal["swapped-back"] = "swapped-back"
    notes: tuple[str, ...] = ()


class StagingRestored(Record):
    """So does staging."""

    step: Literal["staging-restored"] = "staging-restored"
    notes: tuple[str, ...] = ()


class DataRestored(Record):
    """The target holds what it held before, as an export proves; `kept` is what somebody made of it meanwhile."""

    step: Literal["data-restored"] = "data-restored"
    digest: str | None
    kept: str | None = None


class RolledBack(Record):
    """The other end: as before."""

    step: Literal["rolled-back"] = "rolled-back"


class Abandoned(Record):
    """It ended before it changed anything."""

    step: Literal["abandoned"] = "abandoned"
    why: str


Facts = (
    Planned
    | Safety
    | ImportBegun
    | Imported
    | Proved
    | Trained
    | Evaluated
    | Staged
    | Measured
    | Judged
    | ApprovalAsked
    | Approved
    | Rejected
    | SwapBegun
    | Swapped
    | Probed
    | Promoted
    | RollbackBegun
    | SwappedBack
    | StagingRestored
    | DataRestored
    | RolledBack
    | Abandoned
)


class PromotionRecord(Record):
    """One step of a promotion.

    Attributes:
        number: Of the record in the promotion, from 0. Only one can have a number: who writes it second has lost.
        by: The person.
        holder: The worker: one process of that person, and its hold on the lease.
        facts: What the step found or did.
    """

    format: Literal[1] = VAULT_FORMAT
    promotion_id: Annotated[str, StringConstraints(pattern=rf"^{SNAPSHOT_ID.pattern}$")]
    resource: str
    project: str
    number: Annotated[int, Field(ge=0)]
    at: AwareDatetime
    by: str
    holder: str
    tool: Tool
    facts: Annotated[Facts, Field(discriminator="step")]
