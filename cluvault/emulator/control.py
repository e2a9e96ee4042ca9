"""The control API under `/_emulator/`: faults, logs, clock, state and keys of a running emulator, in JSON.

It answers this machine only, whoever else the emulator is open to, and asks for one of its keys; `health` and
`openapi.json` are for all.
"""

from __future__ import annotations

import asyncio
import ipaddress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel
from starlette.responses import Response
from starlette.routing import Route

from cluvault.emulator.openapi import openapi_document
from cluvault.emulator.request_log import to_wire
from cluvault.emulator.routes import OPERATIONS
from cluvault.emulator.steering import finish_jobs, reset
from cluvault.errors import CluvaultError, NotFound, ProjectNotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.requests import Request

    from cluvault.emulator.core import Emulator
    from cluvault.emulator.faults_engine import Injected

_KEY_HEADER: Final = "ocp-apim-subscription-key"
_LIMIT: Final = 100
_TITLES: Final = tuple(operation.title for operation in OPERATIONS)
_Model = TypeVar("_Model", bound="_Body")


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", defer_build=True, hide_input_in_errors=True)


class _NewModel(_Body):
    label: Annotated[str, Field(min_length=1)]
    trained_at: AwareDatetime | None = None
    has_snapshot: bool = True
    expires: date | None = None


class _NewDeployment(_Body):
    name: Annotated[str, Field(min_length=1)]
    model_label: str
    deployed_at: AwareDatetime | None = None


class _Age(_Body):
    created_at: AwareDatetime
    modified_at: AwareDatetime


class _Moment(_Body):
    now: AwareDatetime | None = None


class _Step(_Body):
    seconds: Annotated[float, Field(ge=0, le=10**9)]


class _WhichKey(_Body):
    which: Literal[1, 2]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A request of the control API, past the guard."""

    emulator: Emulator
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes

    def document(self) -> Any:
        """The body as JSON.

        Raises:
            UsageError: it is none.
        """
        try:
            return orjson.loads(self.body or b"{}")
        except orjson.JSONDecodeError as err:
            raise UsageError(f"the body is no JSON: {err}") from err

    def read(self, model: type[_Model]) -> _Model:
        """The body.

        Raises:
            UsageError: it is none of these.
        """
        try:
            return model.model_validate(self.document())
        except ValidationError as err:
            faults = err.errors(include_url=False, include_input=False)
            raise UsageError("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in faults)) from err

    def project(self) -> tuple[str, str]:
        """The resource and project of the path.

        Raises:
            NotFound: no such resource.
        """
        return self.resource(), self.names["project"]

    def resource(self) -> str:
        """The resource of the path.

        Raises:
            NotFound: there is none of the name.
        """
        name = self.names["resource"]
        if name not in self.emulator.config.resources:
            raise NotFound(f"the emulator has no resource {name!r}")
        return name

    def limit(self) -> int:
        """How many items the query asks for.

        Raises:
            UsageError: it is no number from 1.
        """
        text = self.query.get("limit", str(_LIMIT))
        if not (text.isascii() and text.isdigit() and int(text)):
            raise UsageError(f"limit={text!r} is no number from 1")
        return int(text)


# --- faults and logs -----------------------------------------------------------------------------------------------


def _get_faults(asked: _Asked) -> object:
    plan = asked.emulator.faults.plan
    return {"seed": 0, "rules": []} if plan is None else plan.model_dump(mode="json", by_alias=True, exclude_none=True)


def _put_faults(asked: _Asked) -> object:
    from cluvault.emulator.faults_file import parse_faults  # noqa: PLC0415  # most emulators never have a fault

    asked.emulator.faults.use(parse_faults(asked.document(), source="the body", operations=_TITLES))
    return _get_faults(asked)


def _delete_faults(asked: _Asked) -> object:
    asked.emulator.faults.use(None)
    return _get_faults(asked)


def _injected(asked: _Asked) -> object:
    return {"value": _newest_first(map(_injected_to_wire, asked.emulator.faults.injected), asked.limit())}


def _injected_to_wire(injected: Injected) -> dict[str, object]:
    return {
        "time": injected.at,
        "rule": injected.rule,
        "effect": injected.effect.model_dump(mode="json", by_alias=True, exclude_none=True),
        "resource": injected.resource,
        "operation": injected.operation,
        "number": injected.number,
        "requestId": injected.request_id,
    }


def _requests(asked: _Asked) -> object:
    return {"value": _newest_first(map(to_wire, asked.emulator.requests.last), asked.limit())}


def _newest_first(items: Iterable[dict[str, object]], limit: int) -> list[dict[str, object]]:
    return list(items)[: -limit - 1 : -1]


# --- clock, jobs, state --------------------------------------------------------------------------------------------


def _get_clock(asked: _Asked) -> object:
    clock = asked.emulator.clock
    return {"now": clock(), "isStopped": clock.is_stopped}


def _stop_clock(asked: _Asked) -> object:
    at = asked.read(_Moment).now
    asked.emulator.clock.stop(at.astimezone(UTC) if at is not None else None)
    return _get_clock(asked)


def _advance_clock(asked: _Asked) -> object:
    try:
        asked.emulator.clock.advance(timedelta(seconds=asked.read(_Step).seconds))
    except OverflowError as err:
        raise UsageError("that is after the end of time") from err
    return _get_clock(asked)


def _reset_clock(asked: _Asked) -> object:
    asked.emulator.clock.reset()
    return _get_clock(asked)


def _finish_jobs(asked: _Asked) -> object:
    return {"finished": finish_jobs(asked.emulator)}


def _reset(asked: _Asked) -> object:
    reset(asked.emulator)
    return {}


# --- resources -----------------------------------------------------------------------------------------------------


def _add_model(asked: _Asked) -> object:
    new = asked.read(_NewModel)
    with asked.emulator.lock:
        model = asked.emulator.add_model(
            *asked.project(),
            new.label,
            trained_at=_utc(new.trained_at),
            has_snapshot=new.has_snapshot,
            expires=new.expires,
        )
    return {"label": model.label, "modelId": model.model_id, "expires": model.expires}


def _add_deployment(asked: _Asked) -> object:
    new = asked.read(_NewDeployment)
    with asked.emulator.lock:
        deployment = asked.emulator.add_deployment(
            *asked.project(), new.name, model_label=new.model_label, deployed_at=_utc(new.deployed_at)
        )
    return {"name": deployment.name, "modelId": deployment.model_id, "expires": deployment.expires}


def _backdate(asked: _Asked) -> object:
    age = asked.read(_Age)
    created_at, modified_at = age.created_at.astimezone(UTC), age.modified_at.astimezone(UTC)
    with asked.emulator.lock:
        asked.emulator.backdate(*asked.project(), created_at=created_at, modified_at=modified_at)
    return {"createdAt": created_at, "modifiedAt": modified_at}


def _regenerate_key(asked: _Asked) -> object:
    return {"key": asked.emulator.regenerate_key(asked.resource(), asked.read(_WhichKey).which)}


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


# --- the wire ------------------------------------------------------------------------------------------------------

_PROJECT: Final = "/resources/{resource}/projects/{project}"
_CALLS: Final[tuple[tuple[str, str, Callable[[_Asked], object]], ...]] = (
    ("GET", "/faults", _get_faults),
    ("PUT", "/faults", _put_faults),
    ("DELETE", "/faults", _delete_faults),
    ("GET", "/faults/injected", _injected),
    ("GET", "/requests", _requests),
    ("GET", "/clock", _get_clock),
    ("PUT", "/clock", _stop_clock),
    ("DELETE", "/clock", _reset_clock),
    ("POST", "/clock/advance", _advance_clock),
    ("POST", "/jobs/finish", _finish_jobs),
    ("POST", "/reset", _reset),
    ("POST", f"{_PROJECT}/models", _add_model),
    ("POST", f"{_PROJECT}/deployments", _add_deployment),
    ("POST", f"{_PROJECT}/backdate", _backdate),
    ("POST", "/resources/{resource}/keys/regenerate", _regenerate_key),
)


def control_routes(emulator: Emulator) -> list[Route]:
    """The routes under `/_emulator`."""
    routes = [Route(path, _endpoint(emulator, call), methods=[method]) for method, path, call in _CALLS]
    return [Route("/health", _health), Route("/openapi.json", _openapi(emulator)), *routes]


async def _health(_: Request) -> Response:
    return _json({"status": "ok"})


def _openapi(emulator: Emulator) -> Callable[[Request], Any]:
    async def endpoint(_: Request) -> Response:
        return _json(openapi_document(emulator.config))

    return endpoint


def _endpoint(emulator: Emulator, call: Callable[[_Asked], object]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        if not _is_local(request):
            return _refused(403, "the control API answers this machine only")
        if not emulator.access.knows_key(request.headers.get(_KEY_HEADER, "").encode("latin-1")):
            return _refused(401, "send one of the emulator's keys as Ocp-Apim-Subscription-Key")
        asked = _Asked(
            emulator=emulator, names=request.path_params, query=request.query_params, body=await request.body()
        )
        try:
            return _json(await asyncio.to_thread(call, asked))
        except (NotFound, ProjectNotFound) as err:
            return _refused(404, str(err))
        except CluvaultError as err:
            return _refused(400, str(err))

    return endpoint


def _is_local(request: Request) -> bool:
    host = request.client.host if request.client is not None else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _refused(status: int, message: str) -> Response:
    return _json({"error": {"code": str(status), "message": message}}, status)
