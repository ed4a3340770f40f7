"""A full disk: one sentence, exit code 1, earlier results whole; where allowed on a real disk of one megabyte."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from painlens.cli import main
from painlens.study import Synthetic
from painlens.synthetic import synthesize
from painlens.synthetic.layout import save_picture
from painlens.workflow import failures
from painlens.workflow.failures import NO_ROOM, explain, record_failure, without_a_word

FULL = OSError(errno.ENOSPC, "No space left on device")
BEGIN = """
import sys
from pathlib import Path
from painlens.study import load_study
from painlens.workflow.run_folder import prepare_run
prepare_run(load_study(Path(sys.argv[1])), Path(sys.argv[2]))
"""
# In a namespace of its own: a small disk, a run of which one step is done, no room for the next.
SCRIPT = """
set -e
mount -t tmpfs -o size=1m tmpfs "$1"
run() { "$0" -m painlens "$@"; }
"$0" -c "$4" "$2" "$1/run"
run frames "$1/run" --database a > /dev/null
sha256sum "$1"/run/frames/*/* > "$3/before"
dd if=/dev/zero of="$1/filling" bs=1k 2> /dev/null || true
code=0; run frames "$1/run" --database b 2> "$3/step" || code=$?
echo $code > "$3/step-code"
code=0; run run "$2" --run "$1/run" 2> "$3/run" || code=$?
echo $code > "$3/run-code"
sha256sum "$1"/run/frames/*/* > "$3/after"
"""


def test_a_picture_that_has_no_room_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.png").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as raised:
        save_picture(tmp_path / "x.png", np.zeros((8, 8, 3), np.uint8))
    assert raised.value.errno == errno.ENOSPC


def test_a_failure_is_told_although_there_is_no_room_to_write_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(failures, "save_json", fail)
    assert record_failure(FULL, tmp_path / "logs" / "train.error.json") == (NO_ROOM, 1)


def test_a_library_that_knows_no_error_numbers_is_understood() -> None:
    assert explain(RuntimeError("I/O error: No space left on device (os error 28)")) == (NO_ROOM, 1)


def test_the_cause_behind_an_error_is_found() -> None:
    try:
        try:
            raise FULL
        except OSError:
            raise ValueError("the archive could not be closed")  # noqa: B904 - as libraries do
    except ValueError as error:
        assert explain(error) == (NO_ROOM, 1)


def test_a_process_without_a_word_is_explained_by_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "killed by the system" in without_a_word(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))  # pyright: ignore
    assert without_a_word(tmp_path) == NO_ROOM


def test_no_command_ends_in_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise FULL

    monkeypatch.setattr("painlens.cli.app", fail)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"painlens: {NO_ROOM}\n"


def _may_mount() -> bool:
    program = shutil.which("unshare")
    if program is None:
        return False
    tried = subprocess.run([program, "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


@pytest.mark.skipif(not _may_mount(), reason="needs a user namespace with mounts of its own")
def test_steps_and_runs_on_a_full_disk(tmp_path: Path) -> None:
    made = Synthetic.model_validate(
        {"seed": 5, "participants": 3, "sequences": 2, "seconds": 2.5, "fps": 4, "size": 64}
    )
    synthesize(made, reader="unbc", name="a", root=tmp_path / "owner", truth=tmp_path / "truth")
    study = tmp_path / "study.yaml"
    one = {"reader": "unbc", "root": str(tmp_path / "owner")}
    study.write_text(yaml.safe_dump({"study": "tiny", "databases": {"a": one, "b": one}}))
    (tmp_path / "disk").mkdir()
    (tmp_path / "said").mkdir()
    command = ["unshare", "-rm", "bash", "-c", SCRIPT, sys.executable]
    done = subprocess.run(
        [*command, str(tmp_path / "disk"), str(study), str(tmp_path / "said"), BEGIN],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = {path.name: path.read_text() for path in (tmp_path / "said").iterdir()}
    assert (said["step-code"], said["run-code"]) == ("1\n", "1\n")
    assert said["step"] == said["run"] == f"painlens: {NO_ROOM}\n"
    assert said["after"] == said["before"] != ""
