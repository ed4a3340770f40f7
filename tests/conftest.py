"""Settings that hold for all tests: one thread, no display, no accelerator surprises."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
