"""From what a person names (a study file, a run, a folder) to its examination, with progress bars."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from painlens.doctor import Depth, Examination, examine_folder, examine_study
from painlens.progress import Progress, reporter, silent
from painlens.study import load_study
from painlens.tables import DataError
from painlens.workflow.run_folder import RunFolder


def examine(target: Path, overrides: Sequence[str], *, depth: Depth, quiet: bool = False) -> Examination:
    """Examination of a study file, of a run or of an owner's folder.

    A study file whose run lies in ``runs/<name>`` is examined with the run's tables.

    Raises
    ------
    DataError
        There is no such file or folder, or a database cannot be read.
    StudyError
        The study file cannot be used.
    """
    if not target.exists():
        raise DataError(f"there is no {target}; give a study file, the folder of a run, or an owner's folder")
    with ExitStack() as open_bars:

        def bar(name: str) -> Progress:
            open_bars.close()  # one bar at a time
            return silent if quiet else open_bars.enter_context(reporter(name))

        progress: Callable[[str], Progress] = bar
        if target.is_dir() and not (target / "study.yaml").exists():
            return examine_folder(target, depth=depth, progress=progress)
        if target.is_dir():
            run = RunFolder(target.resolve())
            return examine_study(load_study(run.study_file, overrides), run, depth=depth, progress=progress)
        study = load_study(target, overrides)
        run = RunFolder((Path("runs") / study.study).resolve())
        known = run if run.root.exists() and not overrides else None
        return examine_study(study, known, depth=depth, progress=progress)
