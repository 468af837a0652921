"""Writes the Arrow files beside it with pyarrow 25: python write.py. Values of `acts` are 0, 1, 2, … in order."""

import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc


def batch(first, rows):
    values = pa.array(np.arange(first * 6, (first + rows) * 6, dtype=np.float64))
    inner = pa.FixedSizeListArray.from_arrays(values, 3)
    acts = pa.LargeListArray.from_arrays(pa.array(np.arange(0, rows * 2 + 1, 2)), inner)
    ids = pa.FixedSizeListArray.from_arrays(pa.array(np.arange(first * 2, (first + rows) * 2, dtype=np.int64)), 2)
    texts = pa.array([f"a text too long to be kept inline, number {i}" for i in range(rows)])
    return pa.record_batch(
        {
            "view": texts.cast(pa.string_view()),
            "text": texts,
            "pair": pa.array([{"a": i, "b": None} for i in range(rows)], pa.struct([("a", pa.int8()), ("b", pa.float32())])),
            "flag": pa.array([True] * rows),
            "nothing": pa.nulls(rows),
            "acts": acts,
            "ids": ids,
            "score": pa.array(np.arange(first, first + rows, dtype=np.float16)),
            "gaps": pa.array([None] * rows, pa.int32()),
        }
    )


batches = [batch(0, 3), batch(3, 1), batch(4, 5).slice(0, 0), batch(4, 5)]
with ipc.new_stream("mixed_stream.arrow", batches[0].schema) as writer:
    for b in batches:
        writer.write_batch(b)
with ipc.new_file("mixed_file.arrow", batches[0].schema) as writer:
    for b in batches:
        # A slice: its offsets must be rebased by the writer.
        writer.write_batch(pa.concat_batches([b, b]).slice(b.num_rows))
