"""A bundle as a file: a ZIP archive without compression whose bytes follow from its contents alone.

Equal contents give equal bytes on every machine, so that one SHA-256 stands for all of it. Members are stored plainly
(their tables are compressed already), which also leaves no room for a bomb: nothing can grow when it is read.
Whatever is not exactly what `write_archive` writes is refused before anything in it is used.
"""

import filecmp
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from painlens.tables import DataError, atomic_path

LISTING = "bundle.json"  # the first member: the digest of every other one
_TIME = (1980, 1, 1, 0, 0, 0)
_PART = re.compile(r"[A-Za-z0-9_=%+,-][A-Za-z0-9_=%+,.-]*")  # of a member's name; no part begins with a dot
_MEMBERS = 100_000


def write_archive(target: Path, members: Mapping[str, Path]) -> None:
    """Write files into an archive: the listing first, the others by name."""
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in _ordered(members):
            info = zipfile.ZipInfo(_checked(name, target), _TIME)
            info.create_system, info.external_attr = 3, 0o600 << 16
            archive.writestr(info, members[name].read_bytes())


def unpack_archive(source: Path, folder: Path) -> tuple[str, ...]:
    """Write an archive's members below an empty folder; their names.

    Raises
    ------
    DataError
        The file is missing, truncated, or not byte for byte what `write_archive` makes of its contents: members are
        compressed, reordered, doubled, hold a path that leaves the folder, or there is something between them.
    """
    with _opened(source) as archive:
        infos = archive.infolist()
        names = tuple(info.filename for info in infos)
        _check_members(source, infos)
        for info in infos:
            path = folder / info.filename
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(info))
    again = folder / ".again.zip"
    write_archive(again, {name: folder / name for name in names})
    same = filecmp.cmp(source, again, shallow=False)
    again.unlink()
    if not same:
        raise DataError(
            f"{source} was edited: its bytes are not those that painlens writes for its contents (times, flags, or "
            "something between or behind the files); ask for the bundle again"
        )
    return names


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    """The archive; every way in which a damaged one fails to open or to be read is one error."""
    try:
        with zipfile.ZipFile(source) as archive:
            yield archive
    except FileNotFoundError:
        raise DataError(f"there is no file {source}; `painlens bundle RUN --output {source.name}` writes one") from None
    except DataError:
        raise
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
        raise DataError(f"{source} is no whole bundle: {error}; it was truncated or edited, ask for it again") from None


def _check_members(source: Path, infos: list[zipfile.ZipInfo]) -> None:
    """Names, order and sizes, before anything is read."""
    names = [_checked(info.filename, source) for info in infos]
    if len(names) > _MEMBERS:
        raise DataError(f"{source} holds {len(names)} files; a bundle has at most {_MEMBERS}")
    doubled = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if doubled:
        raise DataError(f"{source} holds {doubled[0]} more than once; a bundle has every file once")
    packed = [info for info in infos if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1]
    if packed:
        raise DataError(
            f"{source}: {packed[0].filename} is compressed or encrypted; a bundle stores its files plainly, this one "
            "was not written by painlens"
        )
    if sum(info.file_size for info in infos) > source.stat().st_size:
        raise DataError(f"{source} claims to hold more bytes than the file has; it was edited, ask for it again")
    if not names or names[0] != LISTING or names != _ordered(names):
        raise DataError(
            f"{source} does not begin with {LISTING} or its files are not in the order of their names; it was "
            "reordered or is no bundle of painlens"
        )


def _checked(name: str, source: Path) -> str:
    """A member's name that stays below the folder into which it is unpacked."""
    if not all(_PART.fullmatch(part) for part in name.split("/")):
        raise DataError(f"{source}: a file of a bundle cannot have the name {name!r}; nothing was unpacked")
    return name


def _ordered(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name != LISTING, name))
