"""Why a frame cannot be used, in words for a table."""

from pathlib import Path


def reason_of(error: Exception, root: Path) -> str:
    """The message of an error with paths relative to the database: tables do not tell whose machine it was."""
    message = str(error)
    for folder in (root.resolve(), root):
        message = message.replace(f"{folder}/", "")
    return message.split("; ")[0]
