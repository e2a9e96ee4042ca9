"""What every request meets first: route, api-version, key, and the headers of every answer (contract 2.1, 4, 5)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cluvault.emulator.versions import API_VERSIONS
from tests.emulator.wire import BASE, KEY_HEADER, Wire, project_file

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

NOT_FOUND = b'{"error":{"code":"404","message":"Resource not found"}}'


def check_common_headers(answer: httpx.Response) -> None:
    """Contract 2.1: the headers that are seen on every answer, good or bad."""
    headers = answer.headers
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers["apim-request-id"])
    assert headers["request-id"] == headers["apim-request-id"]
    assert headers["x-envoy-upstream-service-time"].isdigit()
    assert headers["x-ms-region"] == "East US"
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains; preload"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["access-control-expose-headers"] == "*"
    assert headers["date"] == "Sun, 22 Nov 2026 12:00:00 GMT"
    assert "retry-after" not in headers
    assert "x-ms-error-code" not in headers


async def test_every_answer_has_the_common_headers(wire: Wire) -> None:
    """Contract 2.1: on 200, 201, 202, 400, 401 and both kinds of 404."""
    created = await wire.create("A")
    answers = {
        200: await wire.get("projects"),
        201: created,
        202: await wire.start_export("A"),
        400: await wire.start_import("A", b"{"),
        401: await wire.get("projects", headers={KEY_HEADER: "wrong"}),
        404: await wire.get("nowhere"),
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        check_common_headers(answer)
    check_common_headers(await wire.get("projects/B"))


async def test_each_answer_has_a_request_id_of_its_own(wire: Wire) -> None:
    """Contract 2.1: the request id is what support asks for."""
    first, second = await wire.get("projects"), await wire.get("projects")
    assert first.headers["request-id"] != second.headers["request-id"]


async def test_a_body_is_json_and_no_body_has_no_type(wire: Wire) -> None:
    """Contract 2.1: Content-Type with charset on a body; Content-Length 0 and no Content-Type on 202."""
    listed, started = await wire.get("projects"), await wire.start_import("A", project_file())
    assert listed.headers["content-type"] == "application/json; charset=utf-8"
    assert listed.headers["content-length"] == str(len(listed.content))
    assert started.status_code == 202
    assert started.content == b""
    assert started.headers["content-length"] == "0"
    assert "content-type" not in started.headers


async def test_not_found_of_the_service_comes_chunked(wire: Wire) -> None:
    """Contract 4.3: the recorded 404 had no Content-Length and a Content-Type without charset."""
    answer = await wire.get("projects/global/deletion-jobs/none")
    assert answer.headers["content-type"] == "application/json"
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE}/projects",
        f"{BASE}/projects?api-version=",
        f"{BASE}/projects?api-version=2024-13-01",
        f"{BASE}/projects?api-version=2022-03-01-preview",
        f"{BASE}/project?api-version=2023-04-01",
        f"{BASE}/projects/a/b/c/d/e/f/g?api-version=2023-04-01",
        "http://clu.test/test/language/authoring/analyze-conversations/projects?api-version=2023-04-01",
        "http://clu.test/dev/language/analyze-conversations/projects?api-version=2023-04-01",
        "http://clu.test/dev?api-version=2023-04-01",
    ],
)
async def test_the_gateway_answers_404_for_what_it_does_not_know(wire: Wire, url: str) -> None:
    """Contract 4.1, 4.5, 9.8.3: unknown route, resource or api-version; the code is the status as text."""
    answer = await wire.get(url)
    assert (answer.status_code, answer.content) == (404, NOT_FOUND)


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "HEAD", "OPTIONS"])
async def test_a_method_that_a_route_has_not_is_an_unknown_route(wire: Wire, method: str) -> None:
    """Contract 9.8.3: the gateway knows operations, not resources."""
    assert (await wire.send(method, "projects")).status_code == 404


@pytest.mark.parametrize("version", list(API_VERSIONS))
async def test_every_known_version_is_answered_and_stamped(wire: Wire, version: str) -> None:
    """Contract 3.3: an export's projectFileVersion is the api-version of its call."""
    file = project_file()
    file["metadata"]["settings"] = {"confidenceThreshold": 0.5}  # the one setting that every version knows
    await wire.put("A", file, version=version)
    exported = await wire.export("A", version=version)
    assert exported.startswith(b'{"projectFileVersion":"%b","stringIndexType":"Utf16CodeUnit",' % version.encode())


async def test_versions_can_be_limited(make_wire: Callable[..., Wire]) -> None:
    """A version that was not chosen is as unknown as one that never was."""
    wire = make_wire(api_versions=("2022-05-01",))
    assert (await wire.get("projects")).content == NOT_FOUND
    assert (await wire.get("projects", version="2022-05-01")).status_code == 200


# --- keys ----------------------------------------------------------------------------------------------------------


async def test_each_of_two_keys_opens_everything(wire: Wire) -> None:
    """Contract 5: key1 or key2."""
    for key in ("emulator-key-1", "emulator-key-2"):
        assert (await wire.get("projects", headers={KEY_HEADER: key})).status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {KEY_HEADER: ""}, {KEY_HEADER: "emulator-key-3"}, {"Authorization": "Basic emulator-key-1"}]
)
async def test_nothing_is_answered_without_a_key(wire: Wire, headers: dict[str, str]) -> None:
    """Contract 4.3, 9.8.2: 401 in the gateway's envelope, also on status and result URLs."""
    await wire.create("A")
    started = await wire.start_export("A")
    result = (await wire.finish(started))["resultUrl"]
    del wire.client.headers[KEY_HEADER]
    attempts = [
        await wire.get("projects", headers=headers),
        await wire.send("PATCH", "projects/B", headers=headers, json={}),
        await wire.send("DELETE", "projects/A", headers=headers),
        await wire.start_import("B", project_file(), headers=headers),
        await wire.start_export("A", headers=headers),
        await wire.get(started.headers["operation-location"], headers=headers),
        await wire.get(result, headers=headers),
    ]
    for answer in attempts:
        assert answer.status_code == 401
        error = answer.json()["error"]
        assert error["code"] == "401"
        assert error["message"].startswith("Access denied due to invalid subscription key or wrong API endpoint.")
    assert list(wire.emulator.state("dev", wire.clock()).projects) == ["A"]


async def test_a_resource_may_have_keys_of_its_own(make_wire: Callable[..., Wire]) -> None:
    """The key of one resource does not open another."""
    wire = make_wire(resource_keys={"prod": ("prod-key-1", "prod-key-2")})
    prod = BASE.replace("/dev/", "/prod/") + "/projects?api-version=2023-04-01"
    assert (await wire.get(prod)).status_code == 401
    assert (await wire.get(prod, headers={KEY_HEADER: "prod-key-2"})).status_code == 200


async def test_resources_do_not_share_projects(wire: Wire) -> None:
    """Each resource has projects of its own."""
    await wire.create("A")
    prod = await wire.get(BASE.replace("/dev/", "/prod/") + "/projects?api-version=2023-04-01")
    assert prod.json()["value"] == []


# --- tolerated spellings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://clu.test/dev//language/authoring/analyze-conversations/projects/A/:export?api-version=2023-04-01",
        f"{BASE}/projects/A:export?api-version=2023-04-01",
        f"{BASE}/projects/A/%3Aexport?api-version=2023-04-01",
        f"{BASE}/projects/%41/:export?API-VERSION=2023-04-01&whatever=1",
    ],
)
async def test_other_spellings_of_a_url_are_understood(wire: Wire, url: str) -> None:
    """Contract 2.1: a double slash, an action without its own segment; unknown parameters; and links come out clean."""
    await wire.create("A")
    answer = await wire.send("POST", f"{url}&stringIndexType=utf16codeunit")
    assert answer.status_code == 202
    assert answer.headers["operation-location"].startswith(f"{BASE}/projects/A/export/jobs/")


async def test_links_name_the_host_that_the_client_called(wire: Wire) -> None:
    """Contract 9.8.5: absolute, from the request's scheme and host, with its api-version."""
    started = await wire.client.post(
        "https://other.test:8443/dev/language/authoring/analyze-conversations/projects/A/:import",
        params={"api-version": "2025-11-01"},
        json=project_file(),
    )
    link = started.headers["operation-location"]
    assert link.startswith(
        "https://other.test:8443/dev/language/authoring/analyze-conversations/projects/A/import/jobs/"
    )
    assert link.endswith("?api-version=2025-11-01")


# --- the emulator's own pages --------------------------------------------------------------------------------------


async def test_the_root_lists_the_resources(wire: Wire) -> None:
    """A person who opens the address sees what there is, without a key."""
    await wire.create("A")
    page = (await wire.get("http://clu.test/", headers={KEY_HEADER: ""})).json()
    assert page["resources"] == [
        {"name": "dev", "endpoint": "http://clu.test/dev", "projects": 1},
        {"name": "prod", "endpoint": "http://clu.test/prod", "projects": 0},
    ]
    assert "emulator-key" not in str(page)


async def test_health_is_answered(wire: Wire) -> None:
    """For those who wait until it is up."""
    assert (await wire.get("http://clu.test/_emulator/health")).json() == {"status": "ok"}
