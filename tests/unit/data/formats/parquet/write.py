"""Writes the Parquet files beside it with pyarrow 25: python write.py. Values are 0, 1, 2, … in order of rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, C, D = 11, 3, 4


def numbers(dtype, count, *sizes):
    array = pa.array(np.arange(count).astype(dtype))
    for size in reversed(sizes):
        array = pa.ListArray.from_arrays(np.arange(0, len(array) + 1, size, dtype=np.int32), array)
    return array


def table(dtype):
    return pa.table(
        {
            "text": [f"row {i}" for i in range(ROWS)],
            "acts": numbers(dtype, ROWS * C * D, C, D),
            "pair": pa.array([{"a": i, "b": 1.0} for i in range(ROWS)]),
            "ids": numbers(np.int64, ROWS * C, C),
            "small": numbers(np.int16, ROWS),
            "score": numbers(np.float64, ROWS),
            "gaps": pa.array([None if i == 9 else i for i in range(ROWS)], pa.int32()),
            "when": pa.array(np.arange(ROWS).astype("datetime64[ms]")),
        }
    ).replace_schema_metadata({"hook": "blocks.0.hook_resid_pre"})


small_pages = dict(row_group_size=4, data_page_size=32, write_batch_size=5)
pq.write_table(table(np.float32), "zstd_v2.parquet", compression="zstd", data_page_version="2.0", **small_pages)
pq.write_table(table(np.float32), "gzip_plain.parquet", compression="gzip", use_dictionary=False, **small_pages)
pq.write_table(table(np.float16), "snappy_half.parquet", compression="snappy", **small_pages)
pq.write_table(
    table(np.float64),
    "split_delta.parquet",
    compression="none",
    use_dictionary=False,
    column_encoding={
        "acts.list.element.list.element": "BYTE_STREAM_SPLIT",
        "ids.list.element": "DELTA_BINARY_PACKED",
        "small": "DELTA_BINARY_PACKED",
    },
    **small_pages,
)
pq.write_table(table(np.float32).select(["acts"]), "lz4.parquet", compression="lz4")

rows = [[float(i * 5 + j) for j in range(5)] for i in range(8)]
bad = {
    "ragged": rows[:6] + [[1.0, 2.0]] + rows[7:],
    "ragged_even": rows[:5] + [rows[5] + [9.0], rows[6][:4]] + rows[7:],
    "null_row": rows[:3] + [None] + rows[4:],
    "null_value": rows[:2] + [rows[2][:4] + [None]] + rows[3:],
    "empty_row": rows[:4] + [[]] + rows[5:],
}
for name, values in bad.items():
    pq.write_table(pa.table({"acts": pa.array(values, pa.list_(pa.float32()))}), f"{name}.parquet", row_group_size=5, compression="none")
inner = [[[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0, 3.0], [4.0]], [[1.0, 2.0], [3.0, 4.0]]]
pq.write_table(pa.table({"acts": pa.array(inner, pa.list_(pa.list_(pa.float32())))}), "ragged_inner.parquet", compression="none")

# Deltas of every width, signs in turn: ±2^(i mod 63), ±2^(i mod 31).
turns = [(-1) ** i * 2 ** (i % 63) for i in range(700)]
halves = [(-1) ** i * 2 ** (i % 31) for i in range(700)]
wide = pa.table({"wide": pa.array(turns, pa.int64()), "narrow": pa.array(halves, pa.int32())})
pq.write_table(wide, "deltas.parquet", compression="none", use_dictionary=False, column_encoding={"wide": "DELTA_BINARY_PACKED", "narrow": "DELTA_BINARY_PACKED"})
