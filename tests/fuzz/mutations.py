"""Damaged copies of whole files, as hypothesis strategies that shrink."""

from collections.abc import Sequence

from hypothesis import strategies as st

# What breaks parsers of text: other alphabets, line ends, byte order marks, zeros, numbers at the edge.
SPLINTERS = (
    b"", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\r\n", b"\n\n", b"\t", b"  ", b",", b";", b'"', b"'",
    b"nan", b"inf", b"-inf", b"1e400", b"-1", b"1e-400", b"0x10", b"1_000", b"\xd9\xa3", "½".encode(), b"NaN", b"None",
    b"99999999999999999999999", b"../", b"/", b"\\", b"{", b"}", b"[", b"\xc3\x28", b"\xed\xa0\x80", b"-", b"1,5",
)  # fmt: skip


def mutated(seeds: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """A seed with up to six splices, cuts and repetitions, or any bytes at all."""
    edit = st.tuples(
        st.integers(0, 2**16),
        st.integers(0, 24),
        st.one_of(st.sampled_from(SPLINTERS), st.binary(max_size=8)),
        st.integers(1, 3),
    )
    damaged = st.builds(_apply, st.sampled_from(list(seeds)), st.lists(edit, max_size=6))
    return st.one_of(damaged, damaged, damaged, st.binary(max_size=400))


def _apply(seed: bytes, edits: Sequence[tuple[int, int, bytes, int]]) -> bytes:
    """Each edit replaces some bytes at a place by a splinter, once or several times."""
    data = seed
    for place, length, splinter, times in edits:
        at = place % (len(data) + 1)
        data = data[:at] + splinter * times + data[at + length :]
    return data
