"""Bitmaps from sets of numbers."""

from __future__ import annotations

import numpy as np

from loadkit.measure.bitmap import SequenceBitmap


def bitmap(seqs: set[int]) -> SequenceBitmap:
    marked = SequenceBitmap()
    marked.mark_many(np.array(sorted(seqs), dtype=np.int64))
    return marked
