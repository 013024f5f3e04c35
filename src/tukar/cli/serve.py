"""``tukar serve``: run a hub."""

from __future__ import annotations

import errno
import logging
import os
import resource
import signal
import socket
import threading
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import click

from tukar import config
from tukar.cli import options
from tukar.cli.output import Output
from tukar.config import Config
from tukar.errors import Invalid, TukarError, Unavailable

if TYPE_CHECKING:  # these take a second to load, which the other commands need not wait for
    import uvicorn

    from tukar.hub import Hub

_LEVELS: Final = ("debug", "info", "warning", "error")
_BACKLOG: Final = 2048
_KEEP_ALIVE: Final = 75  # seconds, as nginx has it: shorter ones cut connections that clients are about to use again
_GRACE: Final = 3  # seconds for requests to end by themselves
_PATIENCE: Final = 8.0  # seconds until the process ends, whatever it does
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what was bound, not what to bind
_ELSEWHERE: Final[dict[int, str]] = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # RFC 5737, RFC 3849
_log = logging.getLogger("tukar.serve")


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="The folder that holds everything.")
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on; 0 for any that is free.")
@options.json_option
def serve(data: Path | None, host: str | None, port: int | None, output: Output) -> None:
    """Run a hub until Ctrl-C or SIGTERM.

    At the first start it makes the administrator, `admin`, and prints the token, this once; TUKAR_ADMIN_TOKEN gives one
    of your own instead. GET /ready answers 200 once the hub serves. What the options do not say comes from the
    environment or from tukar.toml in the data folder.

    \b
    Examples:
      tukar serve --data ./my-hub
      tukar serve --data /srv/tukar --host 0.0.0.0 --port 9000
    """
    settings = config.load({"data": data, "host": host, "port": port})
    _log_to_stderr(settings.log_level)
    with _stop_signals(), _listening(settings) as listener:
        from tukar.hub import open_hub

        _raise_descriptor_limit()
        with open_hub(settings) as hub:
            _greet(output, hub, listener)
            _run(hub, listener)


def _log_to_stderr(level: str) -> None:
    if level.lower() not in _LEVELS:
        raise Invalid(f"not a level to log at: {level[:40]!r}", hint=f"use {', '.join(_LEVELS)}")
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    if level.lower() != "debug":
        for chatty in ("uvicorn", "alembic"):
            logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Not the tracebacks of requests that were cut off because the hub was stopped."""
    return record.exc_info is None or record.exc_info[0] is not CancelledError


@contextmanager
def _stop_signals() -> Iterator[None]:
    """Make both signals end the process through its ``finally`` clauses, with exit code 0: so is a hub stopped.

    uvicorn raises a signal that it has dealt with once more; so this handler sees every one.
    """

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(settings: Config) -> Iterator[socket.socket]:
    """A socket that listens, before anything of the hub is touched; Unavailable if the address is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _not_listening(settings, error) from error
    with listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            # At once: until somebody listens, another process can bind the same address too.
            listener.listen(_BACKLOG)
        except OSError as error:
            raise _not_listening(settings, error) from error
        yield listener


def _not_listening(settings: Config, error: OSError) -> TukarError:
    where = f"port {settings.port} of {settings.host}"
    if error.errno == errno.EADDRINUSE:
        return Unavailable(f"{where} is taken", hint="choose another with --port, or stop what listens there")
    return Unavailable(
        f"cannot listen on {where}: {error.strerror or error}", hint="choose others with --host and --port"
    )


def _raise_descriptor_limit() -> None:
    """As many open files as the system lets us have: packs, spooled uploads, connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems have a lower limit than the one they tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _greet(output: Output, hub: Hub, listener: socket.socket) -> None:
    url = hub.config.public_url or _url(listener)
    elsewhere = _url_elsewhere(listener)
    value = {
        "url": url,
        "network_url": elsewhere,
        "data": str(hub.config.data.absolute()),
        "admin_token": hub.new_admin_token,
    }
    lines = [f"Tukar serves {url}", f"Data folder: {value['data']}"]
    if elsewhere:
        lines.insert(1, f"It listens on all interfaces; from other machines: {elsewhere}")
    if hub.new_admin_token:
        lines += ["The administrator is 'admin'; this is the token, shown only this once:", hub.new_admin_token]
    output.show(value, *lines)


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return _address(_LOOPBACK.get(host, host), port)


def _url_elsewhere(listener: socket.socket) -> str | None:
    """An address for other machines, where the hub listens on all interfaces."""
    host, port = listener.getsockname()[:2]
    return _address(_own_host(listener.family), port) if host in _LOOPBACK else None


def _own_host(family: int) -> str:
    """The address that this machine has where its packets leave for elsewhere; its name if none would."""
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((_ELSEWHERE[family], 9))  # sends nothing
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _run(hub: Hub, listener: socket.socket) -> None:
    hub.runner.start()
    try:
        _server(hub).run(sockets=[listener])
    finally:
        hub.runner.stop(_PATIENCE)


def _server(hub: Hub) -> uvicorn.Server:
    import uvicorn

    from tukar.cli.access_log import AccessLog
    from tukar.server.app import build_app

    class Server(uvicorn.Server):
        """Ends in time, even if a request's thread does not: the store takes a cut at any point."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not self.should_exit:
                watchdog = threading.Timer(_PATIENCE, _give_up)
                watchdog.daemon = True
                watchdog.start()
            super().handle_exit(sig, frame)

    settings = uvicorn.Config(
        AccessLog(build_app(hub)),
        log_config=None,
        access_log=False,  # it would log signed addresses, which are as good as tokens
        lifespan="on",
        http="httptools",
        loop="uvloop",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )
    return Server(settings)


def _give_up() -> None:
    _log.warning("still busy %g seconds after the signal; what is under way is given up", _PATIENCE)
    os._exit(0)
