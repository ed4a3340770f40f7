"""`painlens serve` and `painlens people`: the web interface of a run, and who may use it."""

import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from painlens.cli.options import RunArgument, fail, require_run
from painlens.workflow.failures import CHECK_FAILED, FAILURE, REFUSED, USAGE

if TYPE_CHECKING:
    import sqlite3

DEFAULT_PORT = 8765
app = typer.Typer()
people_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Who may use a run's web interface: invite, list, end access, withdraw consent.",
)
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")]
Invite = Annotated[
    list[str] | None,
    typer.Option("--invite", metavar="NAME:ROLE", help="Make a token: researcher, annotator or adjudicator."),
]


@app.command()
def serve(
    run: RunArgument,
    host: Annotated[str, typer.Option(help="Address to listen on. Others than this machine's need TLS.")] = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Host name that browsers use. Repeatable.", metavar="HOST")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM).")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM).")] = None,
    behind_proxy: Annotated[bool, typer.Option(help="A proxy on this machine adds TLS.")] = False,
    invite: Invite = None,
) -> None:
    """Open a run in the browser: inspect, write hypotheses, annotate blind, adjudicate.

    Only this machine can reach it unless told otherwise. At the first start it prints a researcher's token.

    For example `painlens serve runs/demo`, `painlens serve runs/demo --invite rosa:researcher --invite anna:annotator`,
    or on a lab's server `painlens serve RUN --host 0.0.0.0 --name pain.lab.example --tls-cert c.pem --tls-key k.pem`.
    """
    start_server(
        run,
        host=host,
        port=port,
        names=tuple(name or ()),
        tls_cert=str(tls_cert or ""),
        tls_key=str(tls_key or ""),
        behind_proxy=behind_proxy,
        invite=tuple(invite or ()),
    )


def start_server(run: Path, **options: object) -> NoReturn:
    """Check the options, then become the server: a process that has loaded nothing else stays small."""
    try:
        from painlens.web.serve import Options, ServeError, check
    except ImportError as error:
        fail(f"the web interface needs more packages ({error.name}); pip install 'painlens[web]'", FAILURE)
    require_run(run)
    chosen: Options = Options(run=str(run), **options)  # type: ignore[arg-type]
    try:
        check(chosen)
    except ServeError as error:
        fail(error, USAGE)
    sys.stdout.flush()
    command = [sys.executable, "-m", "painlens.web", json.dumps(dataclasses.asdict(chosen))]
    # Few arenas and threads of C libraries: the server makes small pictures, and memory is what it must save.
    lean = {"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    os.execve(sys.executable, command, lean | os.environ)


DEMO_PEOPLE = ("rosa:researcher", "anna:annotator", "ben:annotator", "clara:adjudicator")


def serve_demo(run: Path, finish: Callable[[], object], port: int) -> NoReturn:
    """Finish the demonstration, prepare a task in it, and open it with a token for every role."""
    try:
        finish()
    except typer.Exit as stop:
        if stop.exit_code not in (0, CHECK_FAILED):  # a missed expectation is no reason not to look
            raise
    from painlens.tables import DataError
    from painlens.web.demo_task import prepare_demo_task
    from painlens.web.index import RunError
    from painlens.web.run import Run

    try:
        prepare_demo_task(Run.open(run, separate_process=True))
    except (RunError, DataError) as error:
        fail(error, REFUSED)
    typer.echo("\nSign in as anna to label faces, as rosa to look at what the models look at.")
    start_server(run, port=port, invite=DEMO_PEOPLE)


@contextmanager
def _open(run: Path) -> Iterator["sqlite3.Connection"]:
    """The run's database of people; what it refuses becomes one sentence and an exit code."""
    from painlens.annotations import store

    require_run(run)
    try:
        with store.opened(run / store.FILE, create=True) as connection:
            yield connection
    except store.StoreError as error:
        fail(error, REFUSED)


@people_app.command("invite")
def invite_people(
    run: RunArgument,
    entries: Annotated[list[str], typer.Argument(help="NAME:ROLE ...", metavar="NAME:ROLE")],
    days: Annotated[float, typer.Option(min=0.01, help="How long the token holds.")] = 90.0,
) -> None:
    """Make tokens; each is shown this once.

    Example: `painlens people invite runs/demo rosa:researcher anna:annotator ben:annotator`
    """
    from painlens.web.people import PeopleError, invite

    with _open(run) as connection:
        for entry in entries:
            name, separator, role = entry.rpartition(":")
            if not separator:
                fail(f"an invitation looks like NAME:ROLE, e.g. anna:annotator; got '{entry}'", USAGE)
            try:
                person, token = invite(connection, name, role, now=time.time(), days=days)
            except PeopleError as error:
                fail(error, USAGE)
            typer.echo(f"{person.role}\t{person.name}\t{token}")


@people_app.command("list")
def show_people(run: RunArgument) -> None:
    """List people, their roles, whether they can sign in and when they were last seen.

    Example: `painlens people list runs/demo`
    """
    from painlens.web.people import list_people

    with _open(run) as connection:
        for p in list_people(connection, now=time.time()):
            typer.echo(
                f"{p.name}\t{p.role}\t{p.state}\tuntil {p.expires_utc[:10]}\tlast seen {p.last_seen_utc or 'never'}"
            )


@people_app.command("revoke")
def revoke_access(run: RunArgument, name: Annotated[str, typer.Argument(help="Whose access ends.")]) -> None:
    """End a person's tokens and sessions at once; what they did stays.

    Example: `painlens people revoke runs/demo anna`
    """
    from painlens.web.people import PeopleError, record, revoke

    with _open(run) as connection:
        try:
            ended = revoke(connection, name, now=time.time())
        except PeopleError as error:
            fail(error, USAGE)
        record(connection, None, "revoke", f"{name}, from the command line", now=time.time())
    typer.echo(f"{name}: {ended} {'token' if ended == 1 else 'tokens'} ended")


@people_app.command("withdraw")
def withdraw_consent(
    run: RunArgument,
    database: Annotated[str, typer.Argument(help="Name of the database in the study.")],
    participant: Annotated[str, typer.Argument(help="Who withdrew consent to be shown.")],
) -> None:
    """Record that a participant withdrew consent: the face disappears from the running interface at once.

    Example: `painlens people withdraw runs/demo clinical 201-ic201`
    """
    from painlens.tables import FACES, DataError, load_table
    from painlens.web.consent import withdraw
    from painlens.web.people import record
    from painlens.workflow.run_folder import RunFolder

    try:
        table = load_table(RunFolder(run).folder("faces", database) / "faces.parquet", FACES)
    except DataError as error:
        fail(error, REFUSED)
    if participant not in set(table["participant"]):
        some = ", ".join(table["participant"].drop_duplicates().astype(str).head(5))
        fail(f"'{database}' has no participant '{participant}'; there are {some} ...", REFUSED)
    with _open(run) as connection:
        new = withdraw(connection, database, participant, by="command line", now=time.time())
        record(connection, None, "withdraw consent", f"{database}/{participant}", now=time.time())
    typer.echo(f"{participant}: {'hidden from now on' if new else 'was hidden already'}")
