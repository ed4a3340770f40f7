"""A prepared task, so that a newcomer to the demo labels a face within a minute."""

from painlens.annotations import tasks
from painlens.web.run import Run
from painlens.web.tasks import GUIDELINE, make_task

FACES = 40
QUESTIONS = {
    "eyes-closed": "Are both eyes closed?",
    "teeth-visible": "Can you see teeth?",
    "smile": "Are the corners of the mouth pulled up?",
}


def prepare_demo_task(run: Run) -> str:
    """Id of the run's first task; made from the study's first concept if there is none yet."""
    with run.connect() as connection:
        known = tasks.list_tasks(connection)
    if known:
        return known[0].task_id
    concept, settings = next(iter(run.study.concepts.items()))
    return make_task(
        run,
        concept=concept,
        question=QUESTIONS.get(concept, f"{concept}: is it so that {settings.definition}?"),
        guideline=GUIDELINE.format(definition=settings.definition),
        created_by="demo",
        faces=FACES,
    )
