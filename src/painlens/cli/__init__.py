"""The terminal: one command per step, and `run` for all of them.

Exit codes: 0 done, 1 failure, 2 usage, 3 data or consent refused, 4 a check failed.
"""

import sys
from typing import Annotated

import typer

from painlens.cli import annotations, certificate, compare, databases, exports, installation, steps, studies, web

app = typer.Typer(
    add_completion=True,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Two models were trained on two databases of faces: do they look at different things, which, how sure are we?",
    epilog="Start with: `painlens demo`",
)
PANELS = {
    "Whole studies": studies,
    "Your own models": compare,
    "Databases and the people in them": databases,
    "How sure": certificate,
    "To hand on": exports,
    "People": web,
    "Single steps": steps,
    "Installation": installation,
}
for panel, part in PANELS.items():
    for command in part.app.registered_commands:
        command.rich_help_panel = panel
    app.add_typer(part.app)
app.add_typer(annotations.app, name="annotations", rich_help_panel="People")
app.add_typer(web.people_app, name="people", rich_help_panel="People")


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - typer hands it over so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"painlens {version('painlens')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool, typer.Option("--version", "-V", callback=_say_version, is_eager=True, help="Say the version and exit.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; Ctrl-C and a full disk leave finished results whole."""
    try:
        app()
    except KeyboardInterrupt:
        typer.secho("painlens: stopped; the same command goes on where it stopped", err=True)
        sys.exit(130)
    except OSError as error:
        from painlens.workflow.failures import explain

        message, code = explain(error)
        typer.secho(f"painlens: {message}", err=True)
        sys.exit(code)
