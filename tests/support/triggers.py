"""What Prefect makes of a trigger's parameters, and whether the flow takes it."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, cast

from prefect.server.utilities.user_templates import render_user_template_sync
from pydantic import TypeAdapter

from cluvault.plan.event_names import COMMON, EVENTS

_VALUES: dict[str, Any] = {"projects": ["A", "B"], "events": [], "changed": 2}


def parameters_of(deployment: dict[str, Any], trigger: dict[str, Any], payload: dict[str, Any] | None = None) -> Any:
    """The options that a run gets, validated by the flow's own model; refuses events and keys that there are not.

    Args:
        deployment: As prefect.yaml has it.
        trigger: One of its triggers.
        payload: Of an event that was really told; by default one with all keys that are documented.
    """
    (name,) = trigger["expect"]
    if payload is None:
        payload = {key: _VALUES.get(key, key) for key in (*COMMON, *EVENTS[name].payload)}
    options = _rendered(trigger["parameters"]["options"], {"event": {"payload": payload}})
    module, _, function = deployment["entrypoint"].partition(":")
    model = getattr(import_module(module), function).fn.__annotations__["options"]
    model = getattr(import_module(module), model) if isinstance(model, str) else model
    return TypeAdapter(model).validate_python(options)


def rendered(action: dict[str, Any], event: Any) -> dict[str, str]:
    """What an automation's notification says of an event."""
    return {part: render_user_template_sync(action[part], {"event": event}) for part in ("subject", "body")}


def _rendered(value: Any, context: dict[str, Any]) -> Any:
    if isinstance(value, str):
        text = render_user_template_sync(value, context)
        assert text, f"{value} is empty"
        return text
    if isinstance(value, list):
        return [_rendered(one, context) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    table = cast("dict[str, Any]", value)
    if table.get("__prefect_kind") == "json":
        return json.loads(render_user_template_sync(table["value"]["template"], context))
    return {name: _rendered(one, context) for name, one in table.items()}
