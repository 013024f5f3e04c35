"""The command line: one file a command, each a thin face of a use case or of a hub's routes."""

from __future__ import annotations

import click

from tukar import __version__
from tukar.cli.check import check
from tukar.cli.failures import Commands
from tukar.cli.gc import gc
from tukar.cli.identity import identity
from tukar.cli.import_ import import_
from tukar.cli.ls import ls
from tukar.cli.peer import peer
from tukar.cli.pull import pull
from tukar.cli.push import push
from tukar.cli.receipt import receipt
from tukar.cli.request import request
from tukar.cli.serve import serve
from tukar.cli.show import show
from tukar.cli.stats import stats
from tukar.cli.swap import swap
from tukar.cli.token import token
from tukar.cli.user import user


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="tukar", message="%(prog)s %(version)s")
def main() -> None:
    """Tukar: an open exchange for large open models.

    HF_ENDPOINT names the hub (http://127.0.0.1:8080 where it is not set) and HF_TOKEN the token, as for every Hugging
    Face client; the token that `hf auth login` stored is used as well.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 faults found (check), 130 interrupted.
    """


for _command in (
    serve,
    push,
    pull,
    import_,
    ls,
    show,
    check,
    gc,
    stats,
    user,
    token,
    peer,
    identity,
    swap,
    request,
    receipt,
):
    main.add_command(_command)
