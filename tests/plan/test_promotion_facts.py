"""What is known before a promotion is planned: what it is to bring, what others left, which model makes room."""

from __future__ import annotations

from datetime import timedelta

from cluvault.model.promotion import Promoted, RolledBack, Safety
from cluvault.plan.canonical import canonical_digest
from cluvault.plan.promotion_facts import ModelNow, meant_file, model_to_remove, passed_of
from tests.plan.promotions import MEANT, NOW, promotion, route
from tests.plan.test_promotion_plan import BEFORE, VERSION


def test_which_model_goes() -> None:
    """One without a date is the oldest; where a deployment's model cannot be told, none goes."""
    models = [ModelNow("b", NOW), ModelNow("a", None), ModelNow("c", NOW - timedelta(days=1))]
    assert model_to_remove(models, []) == "a"
    assert model_to_remove(models, ["a"]) == "c"
    assert model_to_remove(models, ["a", "b", "c"]) is None
    assert model_to_remove(models, [""]) is None


def test_what_a_promotion_leaves_behind() -> None:
    """The new content and model, or, when it was undone, the former ones."""
    safety = Safety(snapshot="prod/Desk@x", digest="cd" * 32, production="old", staging=None)
    done = promotion(safety, Promoted(digest=MEANT, model="cv"))
    found = passed_of(done)
    assert found is not None
    assert (found.stands, found.digest, found.model) == (True, MEANT, done.model_label)
    undone = passed_of(promotion(safety, Promoted(digest=MEANT, model="cv"), RolledBack()))
    assert undone is not None
    assert (undone.stands, undone.digest, undone.model) == (False, "cd" * 32, "old")
    assert passed_of(promotion(safety)) is None
    assert passed_of(promotion(Promoted(digest=MEANT, model="cv"))) is None


def test_what_is_meant_has_overrides_and_the_targets_name() -> None:
    """The source itself is left alone."""
    found = meant_file(
        BEFORE,
        route(overrides={"description": "prod"}),
        project="Other",
        api_version=VERSION,
        exported_with=VERSION,
        source="dev/Desk",
    )
    assert (found.file.name, found.file.metadata.get("description")) == ("Other", "prod")
    assert found.digest == canonical_digest(found.file) != canonical_digest(BEFORE)
    assert BEFORE.name == "Desk"
