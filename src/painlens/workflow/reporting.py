"""From all tables to one page: report."""

from painlens.workflow.context import Context, Result


def report(context: Context) -> Result:
    """Write the report."""
    raise NotImplementedError(context)
