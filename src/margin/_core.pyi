# Types of the compiled kernels; the C type of each array stands behind it. Shapes: see `_reference`.

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, final, overload

import numpy as np
import numpy.typing as npt

_Float: TypeAlias = npt.NDArray[np.float64]
_Int32: TypeAlias = npt.NDArray[np.int32]
_Int64: TypeAlias = npt.NDArray[np.int64]
_UInt8: TypeAlias = npt.NDArray[np.uint8]
_Flags: TypeAlias = npt.NDArray[np.bool_]

def isas() -> tuple[str, ...]: ...
def isa() -> str: ...
@final
class Numbering:
    def __len__(self) -> int: ...
    def add_bytes(
        self,
        data: _UInt8,  # const uint8_t[::1]
        offsets: _Int32 | _Int64,  # const int32_t[::1] or const int64_t[::1]
        codes: _Int32,  # int32_t[::1]
    ) -> None: ...
    def add_dictionary(
        self,
        index: _Int32,  # const int32_t[::1]
        data: _UInt8,  # const uint8_t[::1]
        offsets: _Int32 | _Int64,  # const int32_t[::1] or const int64_t[::1]
        codes: _Int32,  # int32_t[::1]
    ) -> None: ...
    def first(self) -> _Int64: ...
    def vocabulary(self) -> tuple[_UInt8, _Int64]: ...

def encode_bytes(
    data: _UInt8,  # const uint8_t[::1]
    offsets: _Int32 | _Int64,  # const int32_t[::1] or const int64_t[::1]
) -> tuple[_Int32, _Int64]: ...
def encode_int64(
    values: _Int64,  # const int64_t[::1]
) -> tuple[_Int32, _Int64]: ...
def lookup_bytes(
    vocabulary_data: _UInt8,  # const uint8_t[::1]
    vocabulary_offsets: _Int64,  # const int64_t[::1]
    data: _UInt8,  # const uint8_t[::1]
    offsets: _Int64,  # const int64_t[::1]
) -> _Int32: ...
def lookup_int64(
    vocabulary: _Int64,  # const int64_t[::1]
    values: _Int64,  # const int64_t[::1]
) -> _Int32: ...
def take_bytes(
    data: _UInt8,  # const uint8_t[::1]
    offsets: _Int64,  # const int64_t[::1]
    at: _Int64,  # const int64_t[::1]
) -> tuple[_UInt8, _Int64]: ...
def group(
    major: _Int32,  # const int32_t[::1]
    minor: _Int32 | None,  # const int32_t[::1]
    n_major: int,  # int64_t
) -> tuple[_Int64, _Int64]: ...
def translated(
    code: _Int32,  # const int32_t[::1]
    number: _Int32,  # const int32_t[::1]
) -> _Int32: ...
def arranged(
    code: _Int32,  # const int32_t[::1]
    n_codes: int,  # int64_t
    block: int,  # int64_t
    columns: Sequence[npt.NDArray[Any]],
    threads: int = 1,
) -> tuple[_Int64, tuple[npt.NDArray[Any], ...]]: ...
def bounds(
    code: _Int32,  # const int32_t[::1]
    n_codes: int,  # int64_t
) -> _Int64 | None: ...
def occurring(
    code: _Int32,  # const int32_t[::1]
    n_codes: int,  # int64_t
) -> _Flags: ...
@overload
def net(
    pool: _Int32,  # const int32_t[::1]
    code: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    rank: _Int32,  # const int32_t[::1]
    n_pools: int,  # int64_t
    traced: Literal[False] = False,
) -> tuple[_Int32, _Int32, _Float]: ...
@overload
def net(
    pool: _Int32,  # const int32_t[::1]
    code: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    rank: _Int32,  # const int32_t[::1]
    n_pools: int,  # int64_t
    traced: Literal[True],
) -> tuple[_Int32, _Int32, _Float, _Int64, _Int64]: ...
def runs(
    pool: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    code: _Int32,  # const int32_t[::1]
) -> tuple[_Int64, _Int32, _Int32]: ...
def segment_sum(
    start: _Int64,  # const int64_t[::1]
    values: _Float,  # const double[::1]
) -> _Float: ...
def line_sums(
    start: _Int64,  # const int64_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    coefficient: _Float,  # const double[::1]
    side: int,  # int
) -> _Float: ...
def split_sums(
    start: _Int64,  # const int64_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    coefficient: _Float,  # const double[::1]
    column: _Int32,  # const int32_t[:, ::1]
    n_columns: int,  # int64_t
) -> _Float: ...
def leaf_sums(
    start: _Int64,  # const int64_t[::1]
    leaf_start: _Int64,  # const int64_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    coefficient: _Float,  # const double[::1]
    side: int,  # int
) -> _Float: ...
def code_sums(
    code: _Int32,  # const int32_t[::1]
    values: _Float,  # const double[::1]
    n_codes: int,  # int64_t
) -> _Float: ...
def peaks(
    code: _Int32,  # const int32_t[::1]
    values: _Float,  # const double[::1]
    n_codes: int,  # int64_t
) -> _Int64: ...
def cell_sums(
    code: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    column: _Int32,  # const int32_t[::1]
    values: Sequence[_Float],  # const double[::1] each
    n_codes: int,  # int64_t
    n_columns: int,  # int64_t
) -> tuple[_Float, ...]: ...
def cell_products(
    code: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    column: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    coefficient: _Float,  # const double[::1]
    n_codes: int,  # int64_t
    n_columns: int,  # int64_t
) -> _Float: ...
def products(
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    coefficient: _Float,  # const double[::1]
) -> _Float: ...
def profits(
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    entry: _Float,  # const double[::1]
    size: _Float,  # const double[::1]
    price: _Float,  # const double[::1]
    reciprocal: _Float,  # const double[::1]
    inverse: _Flags,  # const uint8_t[::1]
) -> _Float: ...
def tiers(
    amount: _Float,  # const double[::1]
    table: _Int32,  # const int32_t[::1]
    table_start: _Int32,  # const int32_t[::1]
    floor: _Float,  # const double[::1]
    rate: _Float,  # const double[::1]
    slope: _Float,  # const double[::1]
    deduction: _Float,  # const double[::1]
    closed: str,
) -> _Float: ...
def black76(
    forward: _Float,  # const double[::1]
    strike: _Float,  # const double[::1]
    years: _Float,  # const double[::1]
    vol: _Float,  # const double[::1]
    sign: _Float,  # const double[::1]
) -> tuple[_Float, _Float]: ...
def black76_grid(
    forward: _Float,  # const double[::1]
    strike: _Float,  # const double[::1]
    years: _Float,  # const double[::1]
    sign: _Float,  # const double[::1]
    vols: _Float,  # const double[:, ::1]
    unit: _Int32,  # const int32_t[::1]
    move: _Float,  # const double[:, ::1]
    vol_index: _Int32,  # const int32_t[::1]
) -> _Float: ...
def stress(
    start: _Int64,  # const int64_t[::1]
    unit: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    table: _Float,  # const double[:, ::1]
    relief: _Float,  # const double[:, ::1]
    n_scenarios: int,  # int64_t
) -> tuple[_Float, _Int32]: ...
def stress_after(
    total: _Float,  # const double[::1]
    row: int,  # int64_t
    quantity: float,  # double
    table: _Float,  # const double[:, ::1]
    relief: _Float,  # const double[:, ::1]
    unit: int,  # int64_t
    n_scenarios: int,  # int64_t
) -> tuple[float, int]: ...
def stress_structured(
    start: _Int64,  # const int64_t[::1]
    unit: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    table: _Float,  # const double[:, ::1]
    coefficient: _Float,  # const double[::1]
    pattern: _Float,  # const double[:, ::1]
    relief: _Float,  # const double[:, ::1]
    n_scenarios: int,  # int64_t
) -> tuple[_Float, _Int32]: ...
def accumulate(
    start: _Int64,  # const int64_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    table: _Float,  # const double[:, ::1]
    n_scenarios: int,  # int64_t
) -> _Float: ...
def stress_folded(
    unit_start: _Int64,  # const int64_t[::1]
    unit: _Int32,  # const int32_t[::1]
    leaf_start: _Int64,  # const int64_t[::1]
    leaf: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    table: _Float,  # const double[:, ::1]
    base: _Float,  # const double[::1]
    gain: _Float,  # const double[::1]
    loss: _Float,  # const double[::1]
    absolute: _Float,  # const double[::1]
    weight: _Float,  # const double[:, ::1]
    n_scenarios: int,  # int64_t
) -> tuple[_Float, _Int32]: ...
def fold(
    unit_start: _Int64,  # const int64_t[::1]
    unit: _Int32,  # const int32_t[::1]
    leaf_start: _Int64,  # const int64_t[::1]
    leaf: _Int32,  # const int32_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    table: _Float,  # const double[:, ::1]
    base: _Float,  # const double[::1]
    gain: _Float,  # const double[::1]
    loss: _Float,  # const double[::1]
    absolute: _Float,  # const double[::1]
    weight: _Float,  # const double[:, ::1]
    n_scenarios: int,  # int64_t
) -> _Float: ...
def tail(
    start: _Int64,  # const int64_t[::1]
    row: _Int32,  # const int32_t[::1]
    quantity: _Float,  # const double[::1]
    table: _Float,  # const double[:, ::1]
    weight: _Float,  # const double[::1]
    level: float,
) -> tuple[_Float, _Float, _Float, _Int32, _Int32]: ...
