"""The installation itself: version, and compiling ahead of the first study."""

import time

import typer

app = typer.Typer()


@app.command("compile")
def compile_parts() -> None:
    """Compile rendering and concept test once after installing; else the first study waits for it.

    Example: `painlens compile`
    """
    from painlens.workflow.compiling import PARTS

    for name, compile_part in PARTS.items():
        began = time.monotonic()
        compile_part()
        typer.echo(f"{name}: {time.monotonic() - began:.1f} s")


@app.command()
def version() -> None:
    """Print the version."""
    from importlib import metadata

    typer.echo(metadata.version("painlens"))
