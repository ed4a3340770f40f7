"""What leaves a finished run, whatever kind of study it is: the checks that runs of several test files share."""

import re
import shutil
from pathlib import Path

from painlens.bundle import verify_bundle, write_bundle
from painlens.checklists import write_checklists
from painlens.forgetting import forget, plan_forgetting
from painlens.publication import export_run
from painlens.web.index_file import index_of
from painlens.workflow.plan import plan
from painlens.workflow.run_folder import RunFolder
from web_client import PAGE, app_of, signed_in


def check_bundle(run: RunFolder, folder: Path) -> None:
    """A sealed bundle in which every recomputed number agrees to the last bit."""
    sealed = write_bundle(run, folder / "sealed.zip")
    found = verify_bundle(sealed.path, sha256=sealed.sha256, exact=True)
    assert found.passed, found.mismatches[:3]
    assert found.cells > 100 and found.rounded == 0


def check_export(run: RunFolder, folder: Path) -> set[str]:
    """Names of the exported files; every table as CSV and LaTeX, every figure as SVG and PDF."""
    names = {path.name for path in export_run(run, folder / "paper", width_mm=84).files}
    for kind, other in ((".tex", ".csv"), (".pdf", ".svg")):
        whole = {name for name in names if name.endswith(kind) and name != "all-tables.tex"}
        assert whole and {name.replace(kind, other) for name in whole} <= names
    return names


def check_checklists(run: RunFolder) -> str:
    """The model cards as text; nothing in any checklist waits for a step."""
    written, _ = write_checklists(run)
    texts = {path.name: path.read_text(encoding="utf-8") for path in written if path.suffix == ".md"}
    assert not [name for name, text in texts.items() if "Not known yet" in text]
    cards = {f"model-card-{name}.md" for name in run.study().compared}
    assert cards == {name for name in texts if name.startswith("model-card-")}
    return "\n".join(text for name, text in texts.items() if name in cards)


def check_web(run: RunFolder, folder: Path) -> None:
    """The gallery and the page of a face, with every address on them, answer."""
    copy = RunFolder(Path(shutil.copytree(run.root, folder / "served")))
    index_of(copy, separate_process=False)
    client = signed_in(app_of(copy.root), "researcher")
    gallery = client.get("/inspect", headers=PAGE)
    assert gallery.status_code == 200
    tile = re.search(r'class="tile" data-id="[^"]+".*?href="([^"]+)"', gallery.text, re.DOTALL)
    assert tile is not None, "no face in the gallery"
    face = client.get(tile[1].replace("&amp;", "&"), headers=PAGE)
    assert face.status_code == 200
    for model in run.study().compared:
        assert model in face.text
    for page in (gallery.text, face.text):
        for address in sorted(set(re.findall(r'(?:href|src)="(/[^"#]*)"', page))):
            answer = client.get(address.replace("&amp;", "&"), headers=PAGE)
            assert answer.status_code < 400, address


def check_forgetting(run: RunFolder, folder: Path, participant: str) -> None:
    """A person leaves a copy of the run, and the run knows what it must compute again."""
    copy = RunFolder(Path(shutil.copytree(run.root, folder / "forgetful")))
    planned = plan_forgetting(copy, participant=participant)
    left = forget(copy, planned)
    assert not left.places, left.places
    missed = set(planned.recompute) - {one.job for one in plan(copy, copy.study())}
    assert not missed
