"""A person or a database leaves a run: every derived pixel, feature and prediction, and the networks that saw them.

What concerns others stays where that is exact: frames, crops and parts of the other participants, and networks that
never saw the person. Everything computed after the networks is removed whole, since averages and tables hold a share
of everybody. The person is not read again from the owner's folder, which itself is never touched.

Removed files are gone from the run; that a disk's old blocks are overwritten is for the disk to promise.
"""

import shutil
from dataclasses import dataclass

from painlens.forgetting.people_files import ANSWERS, named_in_tables, stores_of, untie, withdraw_answers
from painlens.forgetting.planning import COPIES, Change, Plan, frames_of, plan_forgetting
from painlens.forgetting.removing import forget_rows, strike_off
from painlens.forgetting.sealing import KEPT_STAGES, jobs_up_to_date, seal
from painlens.forgetting.traces import traces
from painlens.forgotten import FOLDER, remember_to_forget
from painlens.workflow.run_folder import RunFolder


@dataclass(frozen=True)
class Left:
    """What is left of a name after forgetting."""

    answers: int
    """Files of the annotation database that name the person."""
    places: tuple[str, ...]
    """Other files of the run that still name the person: there should be none."""
    kept: tuple[str, ...] = ()
    """What annotation stores keep without counting it, concept by concept, and tables outside the run, in words."""


def forget(run: RunFolder, plan: Plan) -> Left:
    """Carry out a plan; a call that was killed can be repeated.

    Order: first the note that keeps the person from coming back, then from the report up to the frames, so that the
    tables which name the person are the last to change.
    """
    study = run.study()
    sealed = jobs_up_to_date(run, study) - set(plan.recompute)
    for name in plan.databases:
        people = [plan.participant] if plan.participant else []
        remember_to_forget(run.root, name, participants=people, whole=not plan.participant)
    gone = {name: frames_of(run, name, plan.participant) for name in plan.databases}
    untie(run.root, gone)
    told = [
        one for path in stores_of(run.root, study) for one in withdraw_answers(path, plan.databases, plan.participant)
    ]
    told += named_in_tables(study, gone)
    for job in reversed(plan.recompute):
        shutil.rmtree(run.folder(job.stage, job.database, job.replicate), ignore_errors=True)
    for name in plan.databases:
        if plan.participant:
            forget_rows(run, name, plan.participant)
    strike_off(run, study, plan)
    for name in COPIES:
        shutil.rmtree(run.root / name, ignore_errors=True)
    if plan.participant:
        seal(run, run.study(), sealed)
    return left_of(run, plan, kept=tuple(told))


def left_of(run: RunFolder, plan: Plan, *, kept: tuple[str, ...] = ()) -> Left:
    """What still names the forgotten person in a run; for a database nothing is looked for beyond its folders."""
    if not plan.participant:
        places = [run.folder(stage, name) for stage in KEPT_STAGES[:4] for name in plan.databases]
        there = tuple(str(place.relative_to(run.root)) for place in places if place.exists())
        return Left(0, there, kept)
    found = traces(run.root, [plan.participant])
    answers = [path for path in found if path.name.startswith(ANSWERS)]
    places = [path.relative_to(run.root).as_posix() for path in found if path not in answers]
    return Left(len(answers), tuple(places), kept)


__all__ = ["ANSWERS", "FOLDER", "Change", "Left", "Plan", "forget", "left_of", "plan_forgetting"]
