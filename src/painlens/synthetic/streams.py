"""Where random numbers of rendered databases come from: one stream per property and place.

No stream is shared, so a frame does not depend on the order of rendering, and a new property changes no other one.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass(frozen=True)
class Streams:
    """Random streams of one place: a database, a participant, a sequence or a frame.

    Parameters
    ----------
    seed
        Seed of the study file.
    database
        Name of the database; two names never share a stream.
    place
        Numbers of participant, sequence and frame, as far as they apply.
    """

    seed: int
    database: str
    place: tuple[int, ...] = ()

    def at(self, *place: int) -> "Streams":
        """The streams of a place inside this one."""
        return Streams(self.seed, self.database, (*self.place, *place))

    def rng(self, name: str) -> np.random.Generator:
        """A new generator for the named property of this place; the same call gives the same numbers.

        Examples
        --------
        >>> streams = Streams(seed=7, database="clinical")
        >>> bool(streams.at(3).rng("age").random() == streams.at(3).rng("age").random())
        True
        >>> bool(streams.at(3).rng("age").random() == streams.at(3).rng("sex").random())
        False
        """
        key = (crc32(self.database.encode()), crc32(name.encode()), *self.place)
        return np.random.default_rng(np.random.SeedSequence(entropy=self.seed, spawn_key=key))
