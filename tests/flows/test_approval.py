"""Approval through Prefect's form: the run is suspended, and begins from the top with the answer."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateName
from prefect.exceptions import Pause
from prefect.flow_engine import run_flow_async
from prefect.flow_runs import aresume_flow_run
from prefect.states import Scheduled

from cluvault.ops.promotion_planning import PromoteOptions
from cluvault.ops.promotion_report import PromotionRefused
from flows.promote import promote
from tests.cli.test_promote import route
from tests.flows.test_events import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

    from tests.flows.conftest import Prefect
    from tests.support.desk import Desk

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
GATE = "gate = { approval = true, second-person = true }"
PAUSED = FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Paused"])))
OPTIONS = {"project": "Desk", "route": "up", "apply": True, "requested_by": "anna"}


class Asking:
    """A run of a deployment, carried on by this process as its worker would."""

    def __init__(self, prefect: Prefect, **options: Any) -> None:
        self._prefect = prefect
        self._options = OPTIONS | options
        self.run = prefect.ask(self._start)

    async def _start(self, client: PrefectClient) -> FlowRun:
        flow_id = await client.create_flow(promote)
        deployment = await client.create_deployment(flow_id, name="form", entrypoint="flows.promote:promote")
        return await client.create_flow_run_from_deployment(deployment, parameters={"options": self._options})

    def work(self) -> Any:
        """Carry the run on; what it returns, or the state in which it was suspended."""
        return self._prefect.ask(self._work)

    async def _work(self, client: PrefectClient) -> Any:
        run = await client.read_flow_run(self.run.id)
        try:
            return await run_flow_async(promote, flow_run=run, parameters=run.parameters)
        except Pause as err:
            return err.state

    def answer(self, decision: str, name: str) -> None:
        """Fill in the form."""
        given = {"decision": decision, "name": name, "note": "seen"}
        self._prefect.ask(lambda _: aresume_flow_run(self.run.id, run_input=given))

    def question(self, number: int) -> str:
        """What the form says."""
        key = f"suspended-approval-{number}-description"
        return self._prefect.ask(lambda client: client.read_flow_run_input(self.run.id, key))

    @property
    def state(self) -> str:
        """Of the run."""
        return str(self._prefect.ask(lambda client: client.read_flow_run(self.run.id)).state_name)


def deadlines(prefect: Prefect) -> Sequence[FlowRun]:
    """The runs that are to come at the deadline of the desk's last promotion."""
    key = prefect.desk.done("promotions", "prod/Desk", "--json").json[-1]["promotion"]
    runs = prefect.ask(lambda client: client.read_flow_runs(limit=200))
    wanted = {"options": {"resume": key}}
    return [one for one in runs if one.state_name == "Scheduled" and one.parameters == wanted]


def decisions(desk: Desk) -> list[tuple[str, str, str]]:
    """Who decided how, and where, of the last promotion."""
    records = desk.done("promotions", "prod/Desk", "--json").json[-1]["records"]
    facts = [(one["by"], one["facts"]) for one in records if one["facts"]["step"] in ("approved", "rejected")]
    return [(by, one["step"], one["through"]) for by, one in facts]


def states(desk: Desk) -> list[str]:
    """Of all promotions."""
    return [one["state"] for one in desk.done("promotions", "--json").json]


def test_a_second_person_approves_in_the_form(prefect: Prefect) -> None:
    """It holds nothing while it waits; who asked cannot approve and is asked again, with the reason; another can."""
    desk = route(prefect.desk, GATE)
    asking = Asking(prefect)
    assert asking.work().name == "Suspended"
    assert desk.projects("prod") == {"Desk"}
    assert set(prefect.artifacts(asking.run)) == {"cluvault-promotion-plan", "cluvault-promotion"}
    assert "Asked for by **anna**" in asking.question(1)
    assert f"/runs/flow-run/{asking.run.id}" in asking.question(1)
    assert len(deadlines(prefect)) == 1
    with pytest.raises(RuntimeError, match="non-empty"):
        asking.answer("approve", "")

    asking.answer("approve", "Anna ")
    assert asking.work().name == "Suspended"
    assert "cannot approve it" in asking.question(2)
    asking.answer("approve", "berta")
    assert asking.work().state == "promoted"
    assert asking.state == "Completed"
    assert decisions(desk) == [("berta", "approved", "form")]
    assert states(desk) == ["promoted"]
    assert deadlines(prefect) == []


def test_rejected_in_the_form(prefect: Prefect) -> None:
    """Undone, and the run fails with the reason."""
    desk = route(prefect.desk, GATE)
    asking = Asking(prefect)
    asking.work()
    asking.answer("reject", "anna")
    with pytest.raises(PromotionRefused, match="rejected by anna: seen"):
        asking.work()
    assert (asking.state, states(desk), desk.projects("prod")) == ("Failed", ["rolled-back"], set())


@pytest.mark.long
def test_approved_by_the_command_while_the_form_is_open(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is told and goes on."""
    desk = route(prefect.desk, GATE)
    asking = Asking(prefect)
    asking.work()
    (promotion,) = [one["promotion"] for one in desk.done("promotions", "--json").json]
    monkeypatch.setenv("CLUVAULT_ACTOR", "berta")
    since = datetime.now(UTC)
    assert "the flow run that waited for it goes on with it" in desk.done("approve", promotion).out
    (approved,) = told(prefect, since, at_least=1)  # though no flow has told of it
    assert (approved["event"], approved["payload"]["by"]) == ("cluvault.promotion.approved", "berta")
    assert asking.state == "Resuming"
    assert asking.work().state == "promoted"
    assert decisions(desk) == [("berta", "approved", "command")]


@pytest.mark.long
def test_an_answer_after_anothers(prefect: Prefect, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes second is told what was decided before."""
    desk = route(prefect.desk, GATE)
    asking = Asking(prefect)
    asking.work()
    (promotion,) = [one["promotion"] for one in desk.done("promotions", "--json").json]
    with monkeypatch.context() as alone:
        alone.setenv("CLUVAULT_ACTOR", "berta")
        alone.delenv("PREFECT_API_URL")
        assert "carry it out" in desk.done("approve", promotion).out
    asking.answer("reject", "carla")
    assert asking.work().state == "promoted"
    shown = prefect.artifacts(asking.run)["cluvault-promotion"]
    assert "the rejection by carla came too late: berta had approved it" in shown


def work_late(prefect: Prefect) -> Any:
    """Do what was planned for the deadline of the desk's last promotion."""
    (late,) = deadlines(prefect)

    async def come(client: PrefectClient) -> Any:
        await client.set_flow_run_state(late.id, Scheduled(), force=True)  # now
        run = await client.read_flow_run(late.id)
        return await run_flow_async(promote, flow_run=run, parameters=run.parameters)

    return prefect.ask(come)


@pytest.mark.long
def test_nobody_answers_in_time(prefect: Prefect) -> None:
    """The run that was planned for then undoes the promotion; the run that waited has failed."""
    desk = route(prefect.desk, GATE, "approval-hours = 0.0003")
    asking = Asking(prefect)
    asking.work()
    time.sleep(1.1)
    with pytest.raises(PromotionRefused, match="nobody approved it until"):
        work_late(prefect)
    assert (states(desk), desk.projects("prod")) == (["rolled-back"], set())
    assert asking.state == "Failed"


def test_a_deadline_after_the_end_says_nothing(prefect: Prefect) -> None:
    """Somebody rejected it elsewhere, where no Prefect was told."""
    desk = route(prefect.desk, GATE)
    Asking(prefect).work()
    promotion = desk.done("promotions", "--json").json[-1]["promotion"]
    with pytest.MonkeyPatch.context() as alone:
        alone.delenv("PREFECT_API_URL")
        desk.done("approve", promotion, "--reject", "--apply")
    assert work_late(prefect).state == "rolled-back"


def test_a_paused_run_waits_in_its_process(prefect: Prefect) -> None:
    """If it is asked to."""
    desk = route(prefect.desk, GATE)
    options = PromoteOptions.model_validate(OPTIONS | {"wait_for_approval": True})

    async def together(client: PrefectClient) -> Any:
        running = asyncio.create_task(promote(options))
        while not (found := await client.read_flow_runs(flow_run_filter=PAUSED)):  # noqa: ASYNC110  # it tells nobody
            await asyncio.sleep(0.1)
        await aresume_flow_run(found[0].id, run_input={"decision": "approve", "name": "berta", "note": ""})
        return await running

    assert prefect.ask(together).state == "promoted"
    assert decisions(desk) == [("berta", "approved", "form")]


def test_a_deployment_has_to_be_told_who_asks(prefect: Prefect) -> None:
    """Where a second person has to approve: the worker's name is nobody's."""
    desk = route(prefect.desk, GATE)
    asking = Asking(prefect, requested_by=" ")
    with pytest.raises(Exception, match="does not know the first"):
        asking.work()
    assert desk.projects("prod") == set()
