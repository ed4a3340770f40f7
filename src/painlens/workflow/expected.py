"""How many frames, faces and people a study will have, before its folders were read.

Rendered databases follow from their settings, owners' databases from published sizes; what can only be guessed is
called a guess. Where a run has listed its frames already, their manifest is asked instead.
"""

from dataclasses import dataclass
from pathlib import Path

from painlens.study import Database
from painlens.workflow.run_folder import RunFolder
from painlens.workflow.stages import Job

# Lucey et al. 2011: 25 people, 48,398 frames. 8,369 of them show pain (PSPI > 0). Of the paper's test images, taken
# after collapsing runs, recalls and accuracy imply 70 % pain: about 8,369 / 0.7 frames remain.
UNBC_PEOPLE, UNBC_FRAMES, UNBC_COLLAPSED = 25, 48_398, 12_000
# Walter et al. 2013, part A: 87 people x 5 classes x 20 clips of 5.5 s at 25 frames per second; 20 non-reactive.
BIOVID_PEOPLE, BIOVID_CLIPS, BIOVID_CLASSES, BIOVID_CLIP_FRAMES, BIOVID_NON_REACTIVE = 87, 20, 5, 138, 20
# Mollahosseini et al. 2019: 420,299 annotated images, of which 287,651 + 4,000 show one of eight expressions.
AFFECTNET_IMAGES, AFFECTNET_EIGHT_CLASSES = 420_299, 291_651
CLIP_S = 5.5  # length of a BioVid clip
CLASSES_USED = 2  # pain and no pain; clips of other classes are listed, not kept, unless the study wants levels
POSED_CLASSES = 5  # of a rendered manifest that names none
RUNS_KEPT = 0.5  # guess: share of rendered frames that remain after collapsing runs
MANIFEST_FRAMES = 5_000  # guess for a manifest that cannot be read


@dataclass(frozen=True)
class Expected:
    """Sizes of one database; `source` says how they are known, `tested` counts test participants."""

    listed: int
    kept: int
    people: int
    test: int
    rendered: int
    source: str
    tested: int = 0

    @property
    def learned(self) -> int:
        """Faces of training and validation people."""
        return self.kept - self.test


def expected_faces(database: Database, *, name: str, run: RunFolder | None = None, everybody: bool = False) -> Expected:
    """Frames that are listed and kept, people, test faces and rendered frames of one database.

    `everybody` is tested in turn where participants rotate through the test part.
    """
    listed, kept, people, rendered, source = _sizes(database)
    counted = _listed_in(run, name)
    if counted is not None:
        (listed, kept), source = counted, "frames listed"
    test = database.split.test
    all_tested = everybody or test == "all"
    wanted = people if all_tested else test if isinstance(test, int) else len(test)
    share = min(wanted / max(people, 1), 1.0)
    return Expected(listed, kept, people, round(kept * share), rendered, source, min(wanted, people))


def _listed_in(run: RunFolder | None, name: str) -> tuple[int, int] | None:
    """Rows that the step `frames` wrote, if it has run."""
    if run is None or not run.manifest(Job("frames", name)).exists():
        return None
    from painlens.tables import load_manifest

    rows = load_manifest(run.folder("frames", name)).rows
    return rows["frames"], rows["kept"]


def _sizes(database: Database) -> tuple[int, int, int, int, str]:
    """Listed, kept, people, rendered, source."""
    if database.reader == "unbc":
        return _unbc(database)
    if database.reader == "biovid":
        return _biovid(database)
    drawn = database.synthetic
    if drawn is not None:
        people = drawn.participants if database.reader == "manifest" else drawn.images
        shown = drawn.sequences * (len(drawn.classes) or POSED_CLASSES)
        pictures = people * shown if database.reader == "manifest" else people
        return pictures, pictures, people, pictures, "settings"
    if database.reader == "affectnet":
        return AFFECTNET_IMAGES, AFFECTNET_EIGHT_CLASSES, AFFECTNET_EIGHT_CLASSES, 0, "published"
    rows = _manifest_rows(database.root)
    if rows is None:
        return MANIFEST_FRAMES, MANIFEST_FRAMES, 50, 0, "guess"
    return rows, rows, max(rows // 100, 2), 0, "rows of the manifest"


def _unbc(database: Database) -> tuple[int, int, int, int, str]:
    drawn = database.synthetic
    if drawn is None:
        kept = {"collapse-runs": UNBC_COLLAPSED, "stride": UNBC_FRAMES // database.frames.step}
        return UNBC_FRAMES, kept.get(database.frames.rule, UNBC_FRAMES), UNBC_PEOPLE, 0, "published"
    frames = drawn.participants * drawn.sequences * max(round(drawn.seconds * drawn.fps), 1)
    kept_share = {"collapse-runs": RUNS_KEPT, "stride": 1 / database.frames.step}.get(database.frames.rule, 1.0)
    return frames, round(frames * kept_share), drawn.participants, frames, "settings"


def _biovid(database: Database) -> tuple[int, int, int, int, str]:
    drawn, rule = database.synthetic, database.frames.rule
    people = drawn.participants if drawn else BIOVID_PEOPLE
    out = database.frames.exclude
    left_out = (drawn.non_reactive if drawn else BIOVID_NON_REACTIVE) if out == "non-reactive" else 0
    reactive = people - (len(out) if isinstance(out, tuple) else left_out)
    clips = drawn.sequences if drawn else BIOVID_CLIPS
    frames_of_clip = max(round(CLIP_S * drawn.fps), 1) if drawn else BIOVID_CLIP_FRAMES
    each = {"at-time": 1, "stride": max(frames_of_clip // database.frames.step, 1)}.get(rule, frames_of_clip)
    classes = (len(drawn.classes) or CLASSES_USED) if drawn else BIOVID_CLASSES
    used = classes if database.classes == "pain-levels" else CLASSES_USED
    listed, kept = people * classes * clips * each, reactive * used * clips * each
    rendered = people * classes * clips * frames_of_clip if drawn else 0
    return listed, kept, reactive, rendered, "settings" if drawn else "published"


def _manifest_rows(root: Path | None) -> int | None:
    """Rows of a manifest file, or of the only CSV file of a folder."""
    if root is None or not root.exists():
        return None
    files = [root] if root.is_file() else sorted(root.glob("*.csv"))
    if len(files) != 1:
        return None
    with files[0].open("rb") as stream:
        return max(sum(1 for _ in stream) - 1, 0)
