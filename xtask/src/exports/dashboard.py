"""Holds a dashboard against Grafana's own model: dashboard.py FILE.

Nothing may be lost on the way through the model, which drops keys that it does not
know; each panel's kind must be one of Grafana's; and each value where the model has a
set of them must be of the set.
"""

import enum
import json
import sys
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import Runtime
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(given, kept, path):
    """Where the model did not keep what it was given."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if value is not None and key not in kept:
                yield f"{path}.{key}: is no part of the model"
            elif value is not None:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for index, (value, other) in enumerate(zip(given, kept)):
            yield from lost(value, other, f"{path}[{index}]")
    elif given != kept:
        yield f"{path}: {given!r} became {kept!r}"


def outside(value, hint, path):
    """Where a value is not of its set."""
    for choice in typing.get_args(hint) if typing.get_origin(hint) is typing.Union else [hint]:
        if isinstance(choice, type) and issubclass(choice, enum.Enum) and value is not None:
            if value not in [member.value for member in choice]:
                yield f"{path}: {value!r} is no {choice.__name__}"
        if typing.get_origin(choice) is list and isinstance(value, list):
            for index, item in enumerate(value):
                yield from outside(item, typing.get_args(choice)[0], f"{path}[{index}]")
    if hasattr(value, "to_json") and not isinstance(value, enum.Enum):
        hints = typing.get_type_hints(type(value))
        for name, member in vars(value).items():
            yield from outside(member, hints.get(name), f"{path}.{name}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        given = json.load(file)
    register_default_plugins()
    model = Dashboard.from_json(given)
    kept = json.loads(JSONEncoder().encode(model))
    found = [*lost(given, kept, "dashboard"), *outside(model, Dashboard, "dashboard")]
    for panel in given["panels"]:
        if Runtime().panelcfg_config(panel["type"]) is None:
            found.append(f"panel {panel['title']!r}: Grafana has no {panel['type']!r}")
    panels = len(given["panels"])
    if len({panel["id"] for panel in given["panels"]}) != panels:
        found.append("two panels have one id")
    print("\n".join(found) or f"{panels} panels are what Grafana takes")
    sys.exit(bool(found) or panels == 0)


main()
