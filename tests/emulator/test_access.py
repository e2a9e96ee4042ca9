"""Who is let in: keys and their renewal, bearer tokens, and what each role may do (contract, section 5)."""

from __future__ import annotations

import base64
import hmac
import json
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from cluvault.emulator.authority import CLIENT_IDS
from cluvault.emulator.config import EmulatorConfig
from cluvault.emulator.core import Emulator
from cluvault.emulator.roles import Role, needed_role, needs_token
from cluvault.emulator.routes import OPERATIONS
from cluvault.emulator.tokens import AUDIENCE, Issuer
from cluvault.errors import ConfigurationError
from tests.emulator.wire import KEY, KEY_HEADER, NOON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import httpx

    from tests.emulator.wire import Wire

HOUR = timedelta(hours=1)
ENTRA = "http://clu.test"

OWNERS = {
    "Delete Project",
    "Delete Trained Model",
    "Delete Exported Model",
    "Delete Deployment",
    "Delete Deployment From Resources",
    "Deploy Project",
    "Swap Deployments",
    "Assign Project Resources",
    "Unassign Project Resources",
}
WRITERS = {
    "Create Project",
    "Import",
    "Train",
    "Cancel Training Job",
    "Load Snapshot",
    "Evaluate Model",
    "Create Or Update Exported Model",
    "Copy Project Authorization",
    "Copy Project",
}
REFUSED_KEY = "Access denied due to invalid subscription key or wrong API endpoint."
REFUSED_TOKEN = "Unauthorized. Access token is missing, invalid, audience is incorrect"


@pytest.fixture
def keyless(wire: Wire) -> Wire:
    """An emulator whose client signs each request itself."""
    del wire.client.headers[KEY_HEADER]
    return wire


def bearer(token: str) -> dict[str, str]:
    """The header that a token travels in."""
    return {"Authorization": f"Bearer {token}"}


def refusal(answer: httpx.Response, status: int) -> str:
    """The message of a refusal of this status."""
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["code"] == {401: "401", 403: "Forbidden"}[status]
    return error["message"]


# --- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [1, 2])
async def test_a_key_can_be_renewed_while_the_other_serves(keyless: Wire, which: Any) -> None:
    """From that moment the old one is refused; the other, and other resources, know nothing of it."""
    old, other = (f"emulator-key-{number}" for number in (which, 3 - which))
    new = keyless.emulator.regenerate_key("dev", which)
    statuses = [
        (await keyless.get("projects", headers={KEY_HEADER: key})).status_code for key in (old, other, new, f"{new}x")
    ]
    assert statuses == [401, 200, 200, 401]
    prod = keyless.base.replace("/dev/", "/prod/") + "/projects?api-version=2023-04-01"
    assert (await keyless.get(prod, headers={KEY_HEADER: old})).status_code == 200
    assert (await keyless.get(prod, headers={KEY_HEADER: new})).status_code == 401


@pytest.mark.parametrize("resource, which", [("test", 1), ("dev", 3), ("dev", 0)])
def test_a_key_that_is_not_there_cannot_be_renewed(wire: Wire, resource: str, which: Any) -> None:
    """A mistyped name is told, not ignored."""
    with pytest.raises(ConfigurationError, match=f"resource '{resource}' has no key {which}"):
        wire.emulator.regenerate_key(resource, which)


async def test_a_key_counts_more_than_a_token(wire: Wire) -> None:
    """A request that carries both is judged by its key, as by the gateway before the service."""
    good = bearer(wire.emulator.mint_token())
    assert (await wire.get("projects", headers=bearer("nonsense"))).status_code == 200
    answer = await wire.get("projects", headers=good | {KEY_HEADER: "wrong"})
    assert refusal(answer, 401).startswith(REFUSED_KEY)


async def test_assigning_resources_takes_a_token(wire: Wire) -> None:
    """No key will do, and the answer says so."""
    answer = await wire.send("POST", "projects/A/resources/:assign", version="2025-11-01", json={})
    assert "Microsoft Entra ID" in refusal(answer, 403)
    del wire.client.headers[KEY_HEADER]
    headers = bearer(wire.emulator.mint_token())
    answer = await wire.send("POST", "projects/A/resources/:assign", version="2025-11-01", json={}, headers=headers)
    assert answer.status_code not in (401, 403)


# --- roles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.title)
def test_each_operation_needs_the_documented_role(operation: Any) -> None:
    """Reading, exporting and predicting need the reader; what can hurt production needs the owner."""
    title = operation.title
    expected = Role.OWNER if title in OWNERS else Role.WRITER if title in WRITERS else Role.READER
    assert needed_role(operation) is expected
    assert needs_token(operation) is (title == "Assign Project Resources")


def test_an_operation_may_name_its_role_itself() -> None:
    """Where method and path say the wrong thing."""
    listing = OPERATIONS[0]
    assert needed_role(type(listing)(listing.title, "GET", "projects", listing.handle, role=Role.OWNER)) is Role.OWNER


@pytest.mark.parametrize("role", [None, *Role])
async def test_a_role_may_do_what_it_may_and_no_more(keyless: Wire, role: Role | None) -> None:
    """A bearer without a role may do nothing; each role may do what the weaker ones may."""
    headers = bearer(keyless.emulator.mint_token(role=role))
    body = {"projectKind": "Conversation", "projectName": "A", "language": "en-us"}
    answers = [
        await keyless.get("projects", headers=headers),
        await keyless.send("PATCH", "projects/A", headers=headers, json=body),
        await keyless.send("DELETE", "projects/A", headers=headers),
    ]
    allowed = 0 if role is None else int(role)
    assert [answer.status_code for answer in answers[:allowed]] == [200, 201, 202][:allowed]
    for answer, needed in list(zip(answers, Role, strict=True))[allowed:]:
        assert f"needs the role {needed.title}" in refusal(answer, 403)


# --- tokens --------------------------------------------------------------------------------------------------------


async def test_a_token_holds_for_its_time(keyless: Wire) -> None:
    """By the emulator's clock, to the second."""
    headers = bearer(keyless.emulator.mint_token(lifetime=timedelta(seconds=60)))
    assert (await keyless.get("projects", headers=headers)).status_code == 200
    keyless.clock.advance(59)
    assert (await keyless.get("projects", headers=headers)).status_code == 200
    keyless.clock.advance(1)
    assert refusal(await keyless.get("projects", headers=headers), 401).startswith(REFUSED_TOKEN)


def by_hand(emulator: Emulator, claims: dict[str, Any], algorithm: str = "RS256", **header: str) -> str:
    """A token of any content: with HS256 it is signed with the public key, as attackers do, with `none` not at all."""
    key = cast("Any", emulator.access.issuer)._key
    if algorithm not in ("HS256", "none"):
        return jwt.encode(claims, key, algorithm=algorithm, headers=header)
    parts = ".".join(coded(json.dumps(part).encode()) for part in (header | {"alg": algorithm}, claims))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{parts}.{coded(hmac.digest(public, parts.encode(), 'sha256')) if algorithm == 'HS256' else ''}"


def coded(data: bytes) -> str:
    """Base64 as tokens have it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


KID = {"kid": "emulator"}
GOOD: dict[str, Any] = {"aud": AUDIENCE, "exp": int(NOON.timestamp()) + 3600, "roles": [Role.OWNER.title]}
BAD_TOKENS: dict[str, Callable[[Emulator], str]] = {
    "expired": lambda emulator: emulator.mint_token(lifetime=timedelta(seconds=-1)),
    "not yet valid": lambda emulator: emulator.access.issuer.mint(now=NOON + HOUR, lifetime=HOUR),
    "foreign audience": lambda emulator: emulator.mint_token(audience="https://vault.azure.net"),
    "signed by a stranger": lambda _: Issuer().mint(now=NOON, lifetime=HOUR),
    "unknown key id": lambda emulator: by_hand(emulator, GOOD, kid="other"),
    "no key id": lambda emulator: by_hand(emulator, GOOD),
    "signed with the public key": lambda emulator: by_hand(emulator, GOOD, "HS256", **KID),
    "unsigned": lambda emulator: by_hand(emulator, GOOD, "none", **KID),
    "another algorithm": lambda emulator: by_hand(emulator, GOOD, "PS256", **KID),
    "without an end": lambda emulator: by_hand(emulator, {"aud": AUDIENCE}, **KID),
    "without an audience": lambda emulator: by_hand(emulator, {"exp": GOOD["exp"]}, **KID),
    "times in words": lambda emulator: by_hand(emulator, GOOD | {"exp": "tomorrow"}, **KID),
    "a beginning in words": lambda emulator: by_hand(emulator, GOOD | {"nbf": "today"}, **KID),
    "an end that is no number": lambda emulator: by_hand(emulator, GOOD | {"exp": float("nan")}, **KID),
    "cut off": lambda emulator: emulator.mint_token()[:-4],
    "no token": lambda _: "nonsense",
    "nothing": lambda _: "",
    "not in ASCII": lambda _: "t\u00f6ken",
}


@pytest.mark.parametrize("fault", BAD_TOKENS)
async def test_a_bad_token_is_refused(keyless: Wire, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    """In the gateway's envelope; neither the answer nor the log says anything of the token."""
    caplog.set_level(logging.DEBUG)
    token = BAD_TOKENS[fault](keyless.emulator)
    answer = await keyless.get("projects", headers={"Authorization": f"Bearer {token}".encode("latin-1")})
    assert refusal(answer, 401).startswith(REFUSED_TOKEN)
    assert "a bearer token is refused: " in caplog.text
    assert not token or token not in answer.text + caplog.text


@pytest.mark.parametrize("roles", ["Cognitive Services Language Owner", None, 3, [7, "Reader"], []])
async def test_a_good_token_without_a_role_may_do_nothing(keyless: Wire, roles: object) -> None:
    """Who it is, is known: 403, not 401."""
    token = by_hand(keyless.emulator, GOOD | {"aud": f"{AUDIENCE}/", "roles": roles}, **KID)
    refusal(await keyless.get("projects", headers=bearer(token)), 403)


async def test_other_issuers_can_be_made_known(make_wire: Callable[..., Wire], tmp_path: Path) -> None:
    """By the public keys that they publish; another audience goes with another cloud."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "theirs", "use": "sig"}
    keys_file = tmp_path / "jwks.json"
    keys_file.write_text(json.dumps({"keys": [public]}))
    audience = "https://cognitiveservices.azure.cn"
    wire = make_wire(token_keys=keys_file, audience=audience)
    del wire.client.headers[KEY_HEADER]
    claims = {"aud": audience, "exp": int(NOON.timestamp()) + 60, "roles": [Role.READER.title]}
    theirs = jwt.encode(claims, key, algorithm="RS256", headers={"kid": "theirs"})
    assert (await wire.get("projects", headers=bearer(theirs))).status_code == 200
    assert (await wire.get("projects", headers=bearer(wire.emulator.mint_token()))).status_code == 200
    refusal(await wire.get("projects", headers=bearer(wire.emulator.mint_token(audience=AUDIENCE))), 401)


@pytest.mark.parametrize("text", [None, "no JSON", "[]", "{}", '{"keys": []}', '{"keys": [5]}'])
def test_keys_that_cannot_be_read_are_told_at_the_start(tmp_path: Path, text: str | None) -> None:
    """Not when the first token comes."""
    keys_file = tmp_path / "jwks.json"
    if text is not None:
        keys_file.write_text(text)
    with pytest.raises(ConfigurationError, match=r"jwks\.json: cannot be read as a JSON Web Key Set"):
        Emulator(EmulatorConfig(token_keys=keys_file))


# --- where tokens come from ----------------------------------------------------------------------------------------


def form(**members: str) -> dict[str, str]:
    """What azure-identity posts, or something else."""
    usual = {"grant_type": "client_credentials", "client_id": "reader", "client_secret": KEY}
    return usual | {"scope": f"{AUDIENCE}/.default"} | members


ASSERTION = {
    "client_secret": "",
    "client_assertion": f"{KEY}\n",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
}


@pytest.mark.parametrize("client_id", list(CLIENT_IDS))
@pytest.mark.parametrize("proof", [{}, ASSERTION], ids=["secret", "assertion"])
async def test_a_client_gets_a_token_of_its_role(
    make_wire: Callable[..., Wire], client_id: str, proof: dict[str, str]
) -> None:
    """By client credentials; it holds as long as the configuration says."""
    wire = make_wire(token_seconds=90)
    answer = await wire.client.post(f"{ENTRA}/contoso/oauth2/v2.0/token", data=form(client_id=client_id, **proof))
    assert answer.status_code == 200
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 90)
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["roles"] == [f"Cognitive Services Language {client_id.capitalize()}"]
    assert (claims["exp"] - claims["nbf"], claims["aud"], claims["appid"]) == (90, AUDIENCE, client_id)
    del wire.client.headers[KEY_HEADER]
    assert (await wire.get("projects", headers=bearer(answer.json()["access_token"]))).status_code == 200


@pytest.mark.parametrize(
    "members, status, error",
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        (ASSERTION | {"client_assertion": "wrong"}, 401, "invalid_client"),
        ({"client_id": "stranger"}, 400, "unauthorized_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": AUDIENCE}, 400, "invalid_scope"),
    ],
)
async def test_a_client_that_proves_nothing_gets_nothing(
    wire: Wire, members: dict[str, str], status: int, error: str
) -> None:
    """In the words of Microsoft Entra ID, without what was sent."""
    answer = await wire.client.post(f"{ENTRA}/contoso/oauth2/v2.0/token", data=form(**members))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert "access_token" not in answer.json()
    assert answer.json()["error_description"].startswith("AADSTS")
    assert "wrong" not in answer.text


async def test_a_machine_has_an_identity(wire: Wire) -> None:
    """App Service's endpoint: the owner's role, or that of the client id."""
    query = {"api-version": "2019-08-01", "resource": AUDIENCE}
    headers = {"X-IDENTITY-HEADER": KEY}
    own = (await wire.client.get(f"{ENTRA}/msi/token", params=query, headers=headers)).json()
    assert own["expires_on"] == str(int(NOON.timestamp()) + 3600)
    assert (own["resource"], own["token_type"]) == (AUDIENCE, "Bearer")
    named = (
        await wire.client.get(f"{ENTRA}/msi/token", params=query | {"client_id": "reader"}, headers=headers)
    ).json()
    roles = [jwt.decode(one["access_token"], options={"verify_signature": False})["roles"] for one in (own, named)]
    assert roles == [[Role.OWNER.title], [Role.READER.title]]


@pytest.mark.parametrize(
    "change, headers, status",
    [
        ({}, {}, 401),
        ({}, {"X-IDENTITY-HEADER": "wrong"}, 401),
        ({"api-version": "2017-09-01"}, {"X-IDENTITY-HEADER": KEY}, 400),
        ({"resource": ""}, {"X-IDENTITY-HEADER": KEY}, 400),
        ({"client_id": "stranger"}, {"X-IDENTITY-HEADER": KEY}, 400),
    ],
)
async def test_a_machine_that_is_not_the_emulators_has_none(
    wire: Wire, change: dict[str, str], headers: dict[str, str], status: int
) -> None:
    """The secret of the environment is asked for, and a known identity."""
    query = {"api-version": "2019-08-01", "resource": AUDIENCE} | change
    answer = await wire.client.get(f"{ENTRA}/msi/token", params=query, headers=headers)
    assert answer.status_code == status
    assert "access_token" not in answer.json()


async def test_the_issuers_keys_are_published(wire: Wire) -> None:
    """Whoever follows the OpenID configuration can verify a token."""
    configuration = (await wire.client.get(f"{ENTRA}/contoso/v2.0/.well-known/openid-configuration")).json()
    assert configuration["token_endpoint"] == f"{ENTRA}/contoso/oauth2/v2.0/token"
    keys = jwt.PyJWKSet.from_dict((await wire.client.get(configuration["jwks_uri"])).json())
    token = wire.emulator.mint_token()
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(token, keys["emulator"], algorithms=["RS256"], audience=AUDIENCE, options=options)
    assert claims["iss"] == "https://sts.windows.net/emulator/"
