"""How a client script talks to the tests: one JSON request on standard input, one JSON line on standard output.

The scripts run in the clients' environments and import nothing of Tukar.
"""

import dataclasses
import datetime
import json
import os
import sys
import traceback


def answer(work):
    """Run `work(**request)` and print {"value": ...}, or {"error": ...} for what it raised."""
    request = json.load(sys.stdin)
    try:
        reply = {"value": plain(work(**request))}
    except Exception as error:
        reply = {"error": described(error)}
    print(json.dumps(reply))


def described(error):
    response = getattr(error, "response", None)
    return {
        "classes": [kind.__name__ for kind in type(error).__mro__],
        "message": str(error),
        "status": getattr(response, "status_code", None),
        "traceback": traceback.format_exc(),
    }


def plain(value):
    """The value as JSON: dataclasses as their fields, dates in ISO form, iterators as lists, strings as they are."""
    if dataclasses.is_dataclass(value):
        return {each.name: plain(getattr(value, each.name, None)) for each in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (str, os.PathLike)):
        return str(value)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if hasattr(value, "__iter__"):
        return [plain(each) for each in value]
    return repr(value)
