"""Tables of a run folder: appended as Arrow streams while the run goes on, put into parquet files when it is over."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.ma  # pyarrow would import it with the first batch and stall the load generator's loop for 10 ms
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from loadkit.measure.records import RunPlan
from loadkit.measure.timeline import COUNTERS, GAUGES, KEYS, LATENCIES, TimelineRows


class TableStream:
    """A table that grows by batches of rows, each with the system when `append` returns.

    Args:
        stem: Path of the table's file without its suffix.
    """

    def __init__(self, stem: Path) -> None:
        self._stream, self._parquet = _paths(stem)
        self._file = self._stream.open("wb")
        self._writer: Any = None

    def append(self, columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
        """Append rows: columns of equal length, the same ones each time; NaN becomes null."""
        batch = pa.record_batch({name: pa.array(column, from_pandas=True) for name, column in columns.items()})
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._file, batch.schema)
        self._writer.write_batch(batch)
        self._file.flush()

    def finish(self, form: Callable[[Any], Any] = lambda table: table) -> None:
        """Put a parquet file in the stream's place; none if there was no row.

        Args:
            form: Gives the table its last form.
        """
        if self._writer is not None:
            self._writer.close()
        self._file.close()
        table = _read_stream(self._stream)
        if table is not None:
            pq.write_table(form(table), self._parquet, compression="zstd")
            sync(self._parquet)
        # Last of all: where both files are found, the parquet file may be cut off.
        self._stream.unlink()


def write_table(stem: Path, columns: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Write a whole table at once.

    Args:
        stem: Path of the table's file without its suffix.
        columns: Columns of equal length.
    """
    pq.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), _paths(stem)[1])


def sync(path: Path) -> None:
    """Wait until a file or folder is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_table(stem: Path) -> Any:
    """A table that is finished or still growing, without the batch that a crash tore; None if there is none.

    Args:
        stem: Path of the table's file without its suffix.
    """
    stream, parquet = _paths(stem)
    if stream.exists():
        return _read_stream(stream)
    return pq.read_table(parquet) if parquet.exists() else None


def _paths(stem: Path) -> tuple[Path, Path]:
    return stem.with_suffix(".arrows"), stem.with_suffix(".parquet")


def _read_stream(path: Path) -> Any:
    batches = []
    try:
        with pa.OSFile(str(path)) as source, pa.ipc.open_stream(source) as reader:
            while True:
                batches.append(reader.read_next_batch())
    except (StopIteration, pa.ArrowInvalid, OSError):
        return pa.Table.from_batches(batches) if batches else None


def merged_timeline(plan: RunPlan, table: Any) -> Any:
    """A timeline as people read it: one row per second, stage and kind, in this order, with names for numbers.

    Args:
        plan: Has the names.
        table: The rows as recorded, of which those of the same second, stage and kind add up.
    """
    sums = [(name, "sum") for name in COUNTERS]
    # Gauges and latencies stand in one of the rows that add up and are null in the others.
    known = [(name, "max") for name in (*GAUGES, *LATENCIES)]
    merged = table.group_by(list(KEYS)).aggregate([*sums, *known]).sort_by([(name, "ascending") for name in KEYS])
    merged = merged.rename_columns([*KEYS, *COUNTERS, *GAUGES, *LATENCIES])
    return _named(_named(merged, "stage", _stage_names(plan)), "kind", plan.kinds)


def timeline_rows(plan: RunPlan, table: Any) -> TimelineRows:
    """The counters of a stored timeline, merged or not, with numbers for stages and kinds."""
    rows: TimelineRows = {name: table[name].to_numpy() for name in ("second", *COUNTERS)}
    return rows | {
        "stage": _numbers(table["stage"], _stage_names(plan)),
        "kind": _numbers(table["kind"], plan.kinds),
    }


def _stage_names(plan: RunPlan) -> tuple[str, ...]:
    return tuple(stage.name for stage in plan.stages)


def _named(table: Any, column: str, names: Sequence[str]) -> Any:
    position = table.schema.get_field_index(column)
    return table.set_column(position, column, pa.array(names, pa.string()).take(table[column].combine_chunks()))


def _numbers(column: Any, names: Sequence[str]) -> npt.NDArray[np.generic]:
    if pa.types.is_string(column.type):
        column = pc.index_in(column, value_set=pa.array(names, pa.string()))
    numbers: npt.NDArray[np.generic] = column.to_numpy()
    return numbers
