"""Pieces of work done by several processes."""

import operator
import os

from painlens.faces.workers import in_order


def test_answers_come_in_the_order_of_the_pieces() -> None:
    assert list(in_order(operator.neg, iter(range(6)), workers=2)) == [0, -1, -2, -3, -4, -5]


def test_one_piece_starts_no_process_and_none_is_no_work() -> None:
    assert list(in_order(lambda piece: (os.getpid(), piece), iter([7]), workers=4)) == [(os.getpid(), 7)]
    assert list(in_order(lambda piece: piece, iter([]), workers=4)) == []
