"""relevance.h5: round trip, ViRelAy's layout, and what a kill leaves."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from lrp_networks import SmallFaceNetwork, faces
from painlens.attributions import (
    FaceSource,
    Relevance,
    RelevanceHeader,
    RelevanceWriter,
    attribute,
    load_relevance,
    relevance_file,
)  # fmt: skip
from painlens.study import Attribution
from painlens.tables import DataError

HEADER = RelevanceHeader(
    "clinical", "seed=0", ("no-pain", "pain"), "pain", "lrp paper float32", "0" * 64, ("0 Conv2d", "4 Linear")
)


def table(n: int) -> pd.DataFrame:
    return pd.DataFrame({
        "database": ["clinical"] * (n // 2) + ["experimental"] * (n - n // 2),
        "frame_id": [f"p{i}/s/{i:03d}" for i in range(n)],
        "participant": [f"p{i}" for i in range(n)],
        "label": ["pain" if i % 2 else "no-pain" for i in range(n)],
    })  # fmt: skip


def relevance(rows: slice, size: tuple[int, int] = (6, 5)) -> Relevance:
    """Numbers that tell their own row."""
    index = np.arange(rows.start, rows.stop, dtype="f8")
    maps = np.broadcast_to(index[:, None, None], (len(index), *size)).astype("f4")
    logits = np.stack([-index, index], axis=1).astype("f4")
    kept = index - index * 30
    return Relevance(maps, logits, index, index * 30, kept, index * 0, np.stack([kept / 4, kept * 3 / 4], axis=1))


def write(path: Path, n: int = 7, batch: int = 3) -> None:
    with RelevanceWriter(path, HEADER, table(n), size=(6, 5)) as writer:
        for rows in writer.pending(batch):
            writer.write(rows, relevance(rows))
        writer.finish()


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "relevance.h5"
    write(path)
    found = load_relevance(path)
    assert found.header == HEADER
    assert found.faces.equals(table(7).astype("string"))
    assert np.array_equal(found.maps(), relevance(slice(0, 7)).maps)
    assert np.array_equal(found.maps(slice(2, 4)), relevance(slice(2, 4)).maps)
    assert np.array_equal(found.logits, relevance(slice(0, 7)).logits)
    assert found.ledger["frame_id"].tolist() == table(7)["frame_id"].tolist()
    assert found.ledger["bias"].tolist() == relevance(slice(0, 7)).bias.tolist()
    assert set(found.ledger["replicate"]) == {"seed=0"}
    assert found.ledger["error"].max() == 0
    assert found.absorbed().sum(1).tolist() == relevance(slice(0, 7)).bias.tolist()


def test_blocks_cover_every_map_once(tmp_path: Path) -> None:
    write(tmp_path / "relevance.h5")
    found = load_relevance(tmp_path / "relevance.h5")
    pieces = list(found.blocks(3))
    assert [(rows.start, rows.stop) for rows, _ in pieces] == [(0, 3), (3, 6), (6, 7)]
    assert np.array_equal(np.concatenate([maps for _, maps in pieces]), found.maps())


def test_layout_is_virelays(tmp_path: Path) -> None:
    """Names, shapes and types of ViRelAy's documentation, chapter "Attribution of Input Data"."""
    write(tmp_path / "relevance.h5")
    with h5py.File(tmp_path / "relevance.h5") as file:
        layout = {name: (file[name].shape, str(file[name].dtype)) for name in ("attribution", "prediction")}  # pyright: ignore[reportAttributeAccessIssue]
        index, label = np.asarray(file["index"]), np.asarray(file["label"])
        chunks = file["attribution"].chunks  # pyright: ignore[reportAttributeAccessIssue] - a dataset
    assert layout == {"attribution": ((7, 1, 6, 5), "float32"), "prediction": ((7, 2), "float32")}
    assert index.tolist() == list(range(7)) and index.dtype == np.uint32
    assert label.tolist() == [0, 1, 0, 1, 0, 1, 0] and label.dtype == np.uint32
    assert chunks == (1, 1, 6, 5)


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    write(tmp_path / "relevance.h5")
    assert stat.S_IMODE((tmp_path / "relevance.h5").stat().st_mode) == 0o600


def test_unfinished_file_does_not_take_the_place(tmp_path: Path) -> None:
    path = tmp_path / "relevance.h5"
    with RelevanceWriter(path, HEADER, table(7), size=(6, 5)) as writer:
        writer.write(slice(0, 3), relevance(slice(0, 3)))
        with pytest.raises(ValueError, match="4 faces of relevance.h5 have no map yet"):
            writer.finish()
    assert not path.exists()


def test_started_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "relevance.h5"
    with RelevanceWriter(path, HEADER, table(7), size=(6, 5)) as writer:
        writer.write(slice(2, 4), relevance(slice(2, 4)))
    with RelevanceWriter(path, HEADER, table(7), size=(6, 5)) as writer:
        assert list(writer.pending(3)) == [slice(0, 2), slice(4, 7)]
        for rows in writer.pending(2):
            writer.write(rows, relevance(rows))
        writer.finish()
    assert np.array_equal(load_relevance(path).maps(), relevance(slice(0, 7)).maps)
    assert [p.name for p in tmp_path.iterdir()] == ["relevance.h5"]


def test_started_file_of_other_weights_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "relevance.h5"
    with RelevanceWriter(path, HEADER, table(7), size=(6, 5)) as writer:
        writer.write(slice(0, 7), relevance(slice(0, 7)))
    other = RelevanceHeader("clinical", "seed=0", ("no-pain", "pain"), "pain", "lrp paper float32", "1" * 64)
    with RelevanceWriter(path, other, table(7), size=(6, 5)) as writer:
        assert list(writer.pending(10)) == [slice(0, 7)]


def test_broken_started_file_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / ".relevance.h5.partial").write_bytes(b"torn")
    write(tmp_path / "relevance.h5")
    assert len(load_relevance(tmp_path / "relevance.h5")) == 7


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_attributions_store import HEADER, relevance, table
from painlens.attributions import RelevanceWriter

writer = RelevanceWriter(Path(sys.argv[2]), HEADER, table(40), size=(6, 5))
for rows in writer.pending(8):
    if rows.start == 24:  # half of a batch in the file, none of it declared
        writer._file["attribution"][24:28, 0] = relevance(slice(24, 28)).maps
        writer._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    writer.write(rows, relevance(rows))
"""


def test_kill_loses_nothing_that_was_written(tmp_path: Path) -> None:
    path = tmp_path / "relevance.h5"
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, here, str(path)], check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == -signal.SIGKILL
    with RelevanceWriter(path, HEADER, table(40), size=(6, 5)) as writer:
        assert list(writer.pending(100)) == [slice(24, 40)]
        writer.write(slice(24, 40), relevance(slice(24, 40)))
        writer.finish()
    assert np.array_equal(load_relevance(path).maps(), relevance(slice(0, 40)).maps)


def test_label_that_is_no_class_is_refused(tmp_path: Path) -> None:
    wrong = table(3).assign(label="anger")
    with pytest.raises(DataError, match="labels anger, but the network's classes are no-pain, pain"):
        RelevanceWriter(tmp_path / "relevance.h5", HEADER, wrong, size=(6, 5))


def test_missing_file_names_the_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run the step 'attribute' first"):
        load_relevance(tmp_path / "relevance.h5")


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "relevance.h5", "w") as file:
        file["attribution"] = np.zeros(3)
    with pytest.raises(DataError, match="not a relevance file of this version"):
        load_relevance(tmp_path / "relevance.h5")


def test_relevance_file_equals_attribute(tmp_path: Path) -> None:
    crops, network, settings = faces(7, seed=3), SmallFaceNetwork(), Attribution()
    path = relevance_file(
        tmp_path / "relevance.h5", network, FaceSource(table(7), lambda rows: crops[rows]),
        header=HEADER, settings=settings, batch=3,
    )  # fmt: skip
    wanted = attribute(network, crops, settings=settings, batch=7)
    found = load_relevance(path)
    assert found.maps() == pytest.approx(wanted.maps, abs=1e-6)
    assert found.ledger["logit"].to_numpy() == pytest.approx(wanted.logit)
