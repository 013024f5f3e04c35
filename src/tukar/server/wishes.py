"""Requests for models: open ones for everybody to read, all of them for administrators, who make and withdraw them."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tukar.exchange.requests import Entry, Evaluation, Wish
from tukar.server.checks import administrator
from tukar.server.info import date
from tukar.server.requests import fields, flag, hub, identity, param, text, whole_number, with_json
from tukar.usecases import request as usecase

_REQUESTS: Final = "/api/tukar/requests"
_MONTHS: Final = 90 * usecase.DAY


def wish(value: object) -> tuple[Wish, int]:
    """What is asked for, and for how many seconds, from JSON."""
    asked = fields(value)
    task, licence, base_model = (text(asked.get(name) or "", name) for name in ("task", "licence", "base_model"))
    evaluation = None if asked.get("evaluation") is None else _evaluation(asked["evaluation"])
    found = Wish(text(asked.get("text"), "text"), task, licence, base_model, evaluation)
    return found, whole_number(asked.get("seconds", _MONTHS), "seconds")


def _evaluation(value: object) -> Evaluation:
    asked = fields(value, "the evaluation")
    sha256, metric, at_least = (text(asked.get(name), name) for name in ("sha256", "metric", "at_least"))
    return Evaluation(sha256, metric, at_least)


def request_value(entry: Entry, now: float) -> dict[str, Any]:
    """A request as JSON. What is signed is in the envelope; the rest is to be read with it at hand."""
    request, asked = entry.request, entry.request.wish
    told = asked.evaluation
    return {
        "id": request.id,
        "state": entry.state(now),
        "hub": request.hub.fingerprint.grouped,
        "text": asked.text,
        "task": asked.task or None,
        "licence": asked.licence or None,
        "base_model": asked.base_model or None,
        "evaluation": told and {"sha256": told.sha256, "metric": told.metric, "at_least": told.at_least},
        "made": date(request.made_at),
        "expires": date(request.expires_at),
        "swap": entry.swap_id,
        "envelope": entry.envelope.value(),
    }


def make(request: Request, value: Any) -> Response:
    """Ask for a model."""
    return _shown(request, usecase.make(hub(request).services, identity(request), *wish(value)))


def listing(request: Request) -> Response:
    """The open requests; with ``all``, every one."""
    services, everything = hub(request).services, flag(request.query_params.get("all"))
    found = usecase.listing(services, identity(request), everything=everything)
    return JSONResponse([request_value(entry, services.clock()) for entry in found])


def get(request: Request) -> Response:
    """One request."""
    return _shown(request, usecase.get(hub(request).services, identity(request), param(request, "request")))


def withdraw(request: Request) -> Response:
    """Ask no more."""
    return _shown(request, usecase.withdraw(hub(request).services, identity(request), param(request, "request")))


def _shown(request: Request, entry: Entry) -> Response:
    return JSONResponse(request_value(entry, hub(request).services.clock()))


routes = [
    Route(_REQUESTS, listing),
    Route(_REQUESTS, with_json(make, check=administrator), methods=["POST"]),
    Route(f"{_REQUESTS}/{{request}}", get),
    Route(f"{_REQUESTS}/{{request}}", withdraw, methods=["DELETE"]),
]
