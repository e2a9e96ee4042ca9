"""The control API: faults, logs, clock, state and keys of a running emulator."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from cluvault.emulator.control import control_routes
from tests.emulator.wire import BASE, KEY, KEY_HEADER, NOON, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

CONTROL = "http://clu.test/_emulator"
RESETS = {"rules": [{"operations": "List Projects", "nth": 1, "effect": {"kind": "status", "status": 503}}]}


async def call(wire: Wire, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    """Call the control API and give what it says."""
    answer = await wire.client.request(method, f"{CONTROL}{path}", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


# --- who may ask ---------------------------------------------------------------------------------------------------


async def test_health_is_for_all(wire: Wire) -> None:
    """Without a key, from anywhere."""
    elsewhere = _client_from("192.0.2.7", wire)
    assert (await elsewhere.get("/_emulator/health")).json() == {"status": "ok"}
    assert (await elsewhere.get("/_emulator/health", headers={KEY_HEADER: ""})).status_code == 200


@pytest.mark.parametrize("path", ["/faults", "/faults/injected", "/requests", "/clock"])
@pytest.mark.parametrize("headers", [{KEY_HEADER: ""}, {KEY_HEADER: "wrong"}, {KEY_HEADER: "clé"}])
async def test_everything_else_needs_a_key(wire: Wire, path: str, headers: dict[str, str]) -> None:
    """One of the emulator's."""
    encoded = {name.encode(): value.encode("latin-1") for name, value in headers.items()}
    answer = await wire.client.get(f"{CONTROL}{path}", headers=encoded)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "401")


@pytest.mark.parametrize(
    "address, status",
    [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("::ffff:127.0.0.1", 200),
     ("192.0.2.7", 403), ("::ffff:192.0.2.7", 403), ("2001:db8::1", 403), ("testclient", 403)],
)  # fmt: skip
async def test_only_this_machine_is_answered(wire: Wire, address: str, status: int) -> None:
    """Whoever else the emulator is open to, and whatever key they know."""
    assert (await _client_from(address, wire).get("/_emulator/faults")).status_code == status


async def test_a_caller_without_an_address_is_no_neighbour(wire: Wire) -> None:
    """A Unix socket, for one."""

    async def nameless(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"client": None}, receive, send)

    app = Starlette(routes=[Mount("/_emulator", routes=control_routes(wire.emulator))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(nameless), headers={KEY_HEADER: KEY}) as client:
        assert (await client.get(f"{CONTROL}/faults")).status_code == 403


def _client_from(address: str, wire: Wire) -> httpx.AsyncClient:
    app = Starlette(routes=[Mount("/_emulator", routes=control_routes(wire.emulator))])
    transport = httpx.ASGITransport(app, client=(address, 5))
    return httpx.AsyncClient(transport=transport, headers={KEY_HEADER: KEY}, base_url="http://clu.test")


# --- faults and logs -----------------------------------------------------------------------------------------------


async def test_faults_are_put_in_force_and_taken_away(wire: Wire) -> None:
    """What was put is shown, with names and defaults; what happened is in the log; nothing is left afterwards."""
    assert await call(wire, "GET", "/faults") == {"seed": 0, "rules": []}
    put = await call(wire, "PUT", "/faults", RESETS)
    assert put["rules"][0]["name"] == "rule 1"
    assert await call(wire, "GET", "/faults") == put
    assert [(await wire.get("projects")).status_code for _ in range(2)] == [503, 200]
    (entry,) = (await call(wire, "GET", "/faults/injected"))["value"]
    request_id = entry.pop("requestId")
    assert entry == {
        "time": "2026-11-22T12:00:00.250000+00:00",
        "rule": "rule 1",
        "effect": {"kind": "status", "status": 503},
        "resource": "dev",
        "operation": "List Projects",
        "number": 1,
    }
    served = (await call(wire, "GET", "/requests"))["value"]
    assert [(one["status"], one["injected"]) for one in served] == [(200, ""), (503, "rule 1: status")]
    assert served[1]["requestId"] == request_id
    assert await call(wire, "DELETE", "/faults") == {"seed": 0, "rules": []}
    assert (await wire.get("projects")).status_code == 200


async def test_bad_rules_change_nothing(wire: Wire) -> None:
    """400 with every fault; the rules in force stay."""
    put = await call(wire, "PUT", "/faults", RESETS)
    bad = await call(
        wire, "PUT", "/faults", {"rules": [{"operations": "Nope", "effect": {"kind": "reset"}}]}, status=400
    )
    assert "no operation is called 'Nope'" in bad["error"]["message"]
    assert await call(wire, "GET", "/faults") == put


async def test_the_log_of_requests_is_newest_first(wire: Wire) -> None:
    """As many as are asked for; without query and headers, which may hold secrets."""
    await wire.get("projects", params={"code": "hidden-secret"})
    await wire.get("nowhere")
    newest, oldest = (await call(wire, "GET", "/requests"))["value"]
    assert newest["status"] == 404
    assert oldest == {
        "time": "2026-11-22T12:00:00.250+00:00",
        "status": 200,
        "method": "GET",
        "path": "/dev/language/authoring/analyze-conversations/projects",
        "resource": "dev",
        "operation": "List Projects",
        "apiVersion": "2023-04-01",
        "milliseconds": oldest["milliseconds"],
        "requestId": oldest["requestId"],
        "injected": "",
    }
    assert (await call(wire, "GET", "/requests?limit=1"))["value"] == [newest]
    for limit in ("0", "-1", "x", "²"):
        assert "limit" in (await call(wire, "GET", f"/requests?limit={limit}", status=400))["error"]["message"]


# --- clock and jobs ------------------------------------------------------------------------------------------------


async def test_the_clock_is_stopped_moved_and_let_go(wire: Wire) -> None:
    """Stopped it shows the same moment however long one waits."""
    assert await call(wire, "GET", "/clock") == {"now": NOON.isoformat(), "isStopped": False}
    stopped = await call(wire, "PUT", "/clock", {"now": "2030-01-01T01:00:00+01:00"})
    assert stopped == {"now": "2030-01-01T00:00:00+00:00", "isStopped": True}
    wire.clock.advance(99)
    moved = await call(wire, "POST", "/clock/advance", {"seconds": 5})
    assert moved == {"now": "2030-01-01T00:00:05+00:00", "isStopped": True}
    assert (await wire.create("A")).json()["createdDateTime"] == "2030-01-01T00:00:05Z"
    assert (await call(wire, "DELETE", "/clock"))["isStopped"] is False
    assert wire.emulator.clock() == wire.clock()


async def test_a_running_clock_jumps(wire: Wire) -> None:
    """And goes on from there; without a moment it stops where it is."""
    await call(wire, "POST", "/clock/advance", {"seconds": 3600})
    wire.clock.advance(1)
    assert (await call(wire, "GET", "/clock"))["now"] == "2026-11-22T13:00:01.250000+00:00"
    await call(wire, "PUT", "/clock")
    wire.clock.advance(1)
    assert (await call(wire, "GET", "/clock"))["now"] == "2026-11-22T13:00:01.250000+00:00"


@pytest.mark.parametrize("seconds", [-1, "x", None, 10**10])
async def test_a_clock_goes_ahead_only(wire: Wire, seconds: object) -> None:
    """Jobs would be due before they began."""
    await call(wire, "POST", "/clock/advance", {"seconds": seconds}, status=400)


async def test_a_clock_ends_with_time(wire: Wire) -> None:
    """The year 9999 is the last."""
    await call(wire, "PUT", "/clock", {"now": "9999-12-31T00:00:00Z"})
    assert (
        "end of time"
        in (await call(wire, "POST", "/clock/advance", {"seconds": 10**6}, status=400))["error"]["message"]
    )


async def test_all_jobs_are_finished_at_once(make_wire: Callable[..., Wire]) -> None:
    """Whatever time they have left, those that run for ever included."""
    wire = make_wire(job_seconds=600)
    await call(wire, "PUT", "/faults", {"rules": [{"nth": 1, "effect": {"kind": "job-runs-on"}}]})
    started = [await wire.start_import(name, project_file()) for name in ("A", "B")]
    assert await call(wire, "POST", "/jobs/finish") == {"finished": 2}
    for one in started:
        assert (await wire.get(one.headers["operation-location"])).json()["status"] == "succeeded"
    assert (await wire.get("projects/A")).status_code == 200
    assert await call(wire, "POST", "/jobs/finish") == {"finished": 0}


# --- state ---------------------------------------------------------------------------------------------------------


async def test_a_reset_is_a_new_beginning(make_wire: Callable[..., Wire], tmp_path: Path, sample: Any) -> None:
    """The seed's projects and no others, no jobs, empty logs, the true time; also after a restart."""
    (tmp_path / "seed" / "dev").mkdir(parents=True)
    (tmp_path / "seed" / "dev" / "Pizza.json").write_bytes(sample("pizza-small"))
    fields: dict[str, Any] = {"seed": tmp_path / "seed", "state": tmp_path / "state.sqlite", "posts_per_minute": 2}
    wire = make_wire(**fields)
    await call(wire, "PUT", "/faults", RESETS)
    await call(wire, "POST", "/clock/advance", {"seconds": 5})
    started = await wire.start_import("B", project_file())
    await wire.send("DELETE", "projects/Pizza")
    assert await call(wire, "POST", "/reset") == {}
    assert await call(wire, "GET", "/faults") == {"seed": 0, "rules": []}
    assert (await call(wire, "GET", "/clock"))["now"] == NOON.isoformat()
    assert (await call(wire, "GET", "/requests"))["value"] == []
    assert [one["projectName"] for one in (await wire.get("projects")).json()["value"]] == ["Pizza"]
    assert (await wire.get(started.headers["operation-location"])).status_code == 404
    assert [(await wire.start_export("Pizza")).status_code for _ in range(3)] == [202, 202, 429]
    wire.emulator.close()
    assert list(make_wire(**fields).emulator.state("dev", NOON).projects) == ["Pizza"]


async def test_models_deployments_and_age(wire: Wire) -> None:
    """What the Python API does, over HTTP."""
    await wire.put("A", project_file())
    place = "/resources/dev/projects/A"
    model = await call(wire, "POST", f"{place}/models", {"label": "v1", "trainedAt": "2026-01-02T03:04:05Z"})
    assert re.fullmatch(r"v1-20260102T030405-[0-9a-f]{32}", model["modelId"])
    await call(wire, "POST", f"{place}/models", {"label": "v2", "hasSnapshot": False, "expires": "2027-01-01"})
    deployment = await call(wire, "POST", f"{place}/deployments", {"name": "production", "modelLabel": "v1"})
    assert deployment["modelId"] == model["modelId"]
    age = {"createdAt": "2020-01-01T00:00:00Z", "modifiedAt": "2021-01-01T00:00:00+02:00"}
    await call(wire, "POST", f"{place}/backdate", age)
    project = wire.emulator.project("dev", "A")
    assert project.created_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert (await wire.get("projects/A")).json()["lastModifiedDateTime"] == "2020-12-31T22:00:00Z"
    models = (await wire.get("projects/A/models")).json()["value"]
    assert {one["label"]: one["hasSnapshot"] for one in models} == {"v1": True, "v2": False}
    assert [one["deploymentName"] for one in (await wire.get("projects/A/deployments")).json()["value"]] == [
        "production"
    ]


@pytest.mark.parametrize(
    "path, body, status, reason",
    [
        ("/resources/none/projects/A/models", {"label": "v1"}, 404, "no resource 'none'"),
        ("/resources/dev/projects/A/models", {"label": "v1"}, 404, "no project 'A'"),
        ("/resources/dev/projects/A/models", {"label": ""}, 400, "label: "),
        ("/resources/dev/projects/A/models", {"label": "v1", "trainedAt": "2026-01-02T03:04:05"}, 400, "trainedAt: "),
        ("/resources/dev/projects/A/models", {"lable": "v1"}, 400, "lable: "),
        ("/resources/dev/projects/A/models", [], 400, "valid dictionary"),
        ("/resources/dev/projects/A/backdate", {}, 400, "createdAt: Field required; modifiedAt: Field required"),
        ("/resources/none/keys/regenerate", {"which": 1}, 404, "no resource 'none'"),
        ("/resources/dev/keys/regenerate", {"which": 3}, 400, "which: "),
    ],
)
async def test_what_is_wrong_is_named(wire: Wire, path: str, body: object, status: int, reason: str) -> None:
    """In the envelope of the API."""
    assert reason in (await call(wire, "POST", path, body, status=status))["error"]["message"]


async def test_a_body_that_is_no_json_is_named(wire: Wire) -> None:
    """400, not a stack trace."""
    answer = await wire.client.put(f"{CONTROL}/faults", content=b"{")
    assert (answer.status_code, answer.json()["error"]["message"][:19]) == (400, "the body is no JSON")


async def test_a_key_is_regenerated(wire: Wire) -> None:
    """The old one is refused from then on, the other is as good as ever."""
    key = (await call(wire, "POST", "/resources/dev/keys/regenerate", {"which": 1}))["key"]
    url = f"{BASE}/projects"
    for given, status in ((KEY, 401), (key, 200), ("emulator-key-2", 200)):
        assert (
            await wire.get(url, headers={KEY_HEADER: given}, params={"api-version": "2023-04-01"})
        ).status_code == status


async def test_every_call_is_documented(wire: Wire) -> None:
    """In the table of docs/emulator.md."""
    text = (Path(__file__).parents[2] / "docs" / "emulator.md").read_text("utf-8")
    chapter = text.partition("\n## Control API\n")[2].partition("\n## ")[0]
    for route in control_routes(wire.emulator):
        path = route.path[1:].replace("{resource}", "{r}").replace("{project}", "{p}")
        for method in (route.methods or set()) - {"HEAD"}:
            assert re.search(rf"\| [A-Z, ]*{method}[A-Z, ]* `{re.escape(path)}[`?]", chapter), (method, path)


async def test_what_is_not_there(wire: Wire) -> None:
    """404 for unknown paths; 405 for methods that a path has not."""
    assert (await wire.client.get(f"{CONTROL}/nothing")).status_code == 404
    assert (await wire.client.post(f"{CONTROL}/faults")).status_code == 405
