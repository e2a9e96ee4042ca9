"""How projects go from one resource to another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import Field, StringConstraints, field_validator, model_validator

from cluvault.settings.section import Section, Share


class GateSettings(Section):
    """What a promoted project must pass before it serves; a check that is not given is not made.

    Attributes:
        min_intent_f1: Over all intents together; likewise precision, recall, and entities.
        each_intent_f1: For each intent by itself; `intents` and `entities` say it for single ones, by name.
        max_regression: How much smaller the share of right answers may be than that of the model that serves now, both
            asked the same test utterances. What chance explains does not count.
        significance: How unlikely a regression has to be by chance to be believed.
        max_regression_each: The same for each intent by itself.
        max_compared: How many test utterances both models are asked for that; each costs two predictions.
        golden: A file of utterances with the answers that are expected, kept outside the project.
        min_golden: The share of them that has to be answered as expected.
        max_changed_share: How much of the target's utterances may change.
        approval: Whether a person has to agree.
        second_person: Whether that has to be another one than who asked for the promotion.
    """

    min_intent_f1: Share | None = None
    min_intent_precision: Share | None = None
    min_intent_recall: Share | None = None
    min_entity_f1: Share | None = None
    min_entity_precision: Share | None = None
    min_entity_recall: Share | None = None
    each_intent_f1: Share | None = None
    each_entity_f1: Share | None = None
    intents: dict[str, Share] = Field(default_factory=dict)
    entities: dict[str, Share] = Field(default_factory=dict)
    max_regression: Share | None = None
    max_regression_each: Share | None = None
    significance: Annotated[float, Field(gt=0, lt=1)] = 0.05
    max_compared: Annotated[int, Field(ge=1, le=50_000)] = 500
    golden: Path | None = None
    min_golden: Share = 1.0
    max_changed_share: Share | None = None
    approval: bool = False
    second_person: bool = False

    @model_validator(mode="after")
    def _asks_somebody(self) -> GateSettings:
        if self.second_person and not self.approval:
            raise ValueError("second-person says who approves; it needs approval = true")
        return self


class SplitSettings(Section):
    """How the utterances are divided at random, in percent."""

    training: Annotated[int, Field(ge=1, le=99)] = 80
    testing: Annotated[int, Field(ge=1, le=99)] = 20

    @model_validator(mode="after")
    def _makes_a_whole(self) -> SplitSettings:
        if self.training + self.testing != 100:  # noqa: PLR2004  # percent
            raise ValueError("training and testing should add up to 100")
        return self


class TrainSettings(Section):
    """How the promoted project is trained.

    Attributes:
        mode: `standard` is for English only.
        config_version: The training configuration; the service's newest when None.
        split: How utterances are divided for the evaluation; `manual` goes by each utterance's own dataset.
        timeout_minutes: How long a training may take.
    """

    mode: Literal["standard", "advanced"] = "standard"
    config_version: str | None = None
    split: SplitSettings | Literal["manual"] = SplitSettings()
    timeout_minutes: Annotated[float, Field(gt=0)] = 360.0

    @field_validator("split", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, dict | SplitSettings) or value == "manual":
            return cast("object", value)
        raise ValueError('should be "manual" or { training = 80, testing = 20 }')


DeploymentName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,50}$")]


class DeploySettings(Section):
    """The two slots: a promoted model is measured in the first, and then swapped into the second."""

    staging: DeploymentName = "staging"
    production: DeploymentName = "production"

    @model_validator(mode="after")
    def _are_two(self) -> DeploySettings:
        if self.staging == self.production:
            raise ValueError("staging and production should be two deployments")
        return self


class TargetSettings(Section):
    """What an orchestration intent leads to in the target environment."""

    project: str | None = None
    deployment: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> TargetSettings:
        if self.project is None and self.deployment is None:
            raise ValueError("should name a project, a deployment, or both")
        return self


class OverrideSettings(Section):
    """What is another in the target environment; everything else is as in the source.

    Attributes:
        description: Of the project.
        settings: Members of the project file's settings, such as `confidenceThreshold`.
        targets: Of an orchestration project: intent → what it leads to.
    """

    description: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)
    targets: dict[str, TargetSettings] = Field(default_factory=dict)


class RouteSettings(Section):
    """A way for projects from one resource to another.

    Attributes:
        kind: `promotion` has a gate; `replica` keeps the target equal to the source.
        projects: Names in the source → names in the target; others keep theirs.
        only: Names or globs of the source's projects that a replica keeps, and that drift is looked for in.
        after: The route that the same content must have passed before.
        soak_hours: How long ago it must have.
        approval_hours: For how long a promotion waits to be approved.
        on_snapshot: Whether a new snapshot of a project of the source starts its promotion.
        chained: Which projects that concerns; names or globs.
    """

    kind: Literal["promotion", "replica"] = "promotion"
    source: str
    target: str
    projects: dict[str, str] = Field(default_factory=dict)
    only: tuple[str, ...] = ("*",)
    after: str | None = None
    soak_hours: Annotated[float, Field(ge=0)] = 0.0
    train: TrainSettings = TrainSettings()
    gate: GateSettings = GateSettings()
    deploy: DeploySettings = DeploySettings()
    overrides: OverrideSettings = OverrideSettings()
    approval_hours: Annotated[float, Field(gt=0)] = 72.0
    on_snapshot: bool = False
    chained: tuple[str, ...] = ("*",)

    @model_validator(mode="after")
    def _can_be(self) -> RouteSettings:
        if self.soak_hours and self.after is None:
            raise ValueError("soak-hours counts from the passing of another route; name it with after")
        for source, target in self.projects.items():
            if len([name for name in self.projects.values() if name == target]) > 1:
                raise ValueError(f"two projects would both become {target!r}")
            if self.source == self.target and source == target:
                raise ValueError(f"{source!r} would be promoted onto itself")
        return self

    @model_validator(mode="after")
    def _is_one_thing(self) -> RouteSettings:
        if self.kind == "promotion":
            return self
        if self.source == self.target:
            raise ValueError("a replica is kept in another resource; name it as target")
        of_promotions = {"gate": GateSettings(), "deploy": DeploySettings(), "after": None, "on_snapshot": False}
        for name, default in of_promotions.items():
            if getattr(self, name) != default:
                written = name.replace("_", "-")
                raise ValueError(f'a replica is as its source: remove {written}, or set kind = "promotion"')
        return self

    def target_project(self, project: str) -> str:
        """What a project of the source is called in the target."""
        return self.projects.get(project, project)
