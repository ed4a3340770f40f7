"""Digests of the files behind frames: each of its own file, however many there are."""

import hashlib
from pathlib import Path

import pandas as pd

from painlens.databases.contents import with_digests
from painlens.tables import KnownDigests

MANY = 150  # more than are read at once, and no whole number of such groups
MISSING = 77


def sha256(number: int) -> str:
    """Digest of the file of this number, which holds one byte."""
    return hashlib.sha256(bytes([number])).hexdigest()


def test_every_file_gets_its_own_digest_and_a_missing_one_its_reason(tmp_path: Path) -> None:
    paths = [f"{number:03d}.png" for number in range(MANY)]
    for number, path in enumerate(paths):
        if number != MISSING:
            (tmp_path / path).write_bytes(bytes([number]))
    frames = pd.DataFrame({"path": paths, "kept": True, "reason": pd.Series([""] * MANY, dtype="string")})
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int, note: str = "") -> None:  # noqa: ARG001 - the shape of Progress
        told.append((done, total))

    found = with_digests(frames, root=tmp_path, known=KnownDigests(tmp_path / "known.json"), progress=progress)
    rest = found.drop(MISSING)
    assert not [number for number, digest in zip(rest.index, rest["sha256"], strict=True) if digest != sha256(number)]
    assert rest["kept"].all()
    assert not found.loc[MISSING, "kept"]
    assert found.loc[MISSING, "reason"] == "file cannot be read (No such file or directory)"
    assert told == [(done, MANY) for done in range(MANY + 1)]
