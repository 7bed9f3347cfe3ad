"""Functions that generate LLVM code, where numba's own code is slower; without the compiler, they are plain Python."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

LANES = 8  # of a float32 vector
_I32 = ir.IntType(32)
_VECTOR = ir.VectorType(ir.FloatType(), LANES)


@intrinsic
def _column(typing_context, array, index, rows):
    view = types.Array(array.dtype, 1, "A")

    def generate(context, builder, signature, arguments):
        matrix = context.make_array(array)(context, builder, arguments[0])
        stride, _ = cgutils.unpack_tuple(builder, matrix.strides)
        result = context.make_array(view)(context, builder)
        context.populate_array(
            result,
            data=builder.gep(matrix.data, [arguments[1]]),
            shape=cgutils.pack_array(builder, [arguments[2]]),
            strides=cgutils.pack_array(builder, [stride]),
            itemsize=matrix.itemsize,
            meminfo=None,
        )
        return result._getvalue()

    return view(array, types.intp, types.intp), generate


def _plain_column(array: Any, index: Any, rows: Any) -> Any:
    return array[:, index]


@intrinsic
def _strided(typing_context, array, begin, shape, strides):
    view = types.Array(array.dtype, len(shape), "A")
    index = types.UniTuple(types.intp, len(shape))

    def generate(context, builder, signature, arguments):
        source = context.make_array(array)(context, builder, arguments[0])
        result = context.make_array(view)(context, builder)
        # This size is a constant, unlike source.itemsize.
        size = context.get_abi_sizeof(context.get_data_type(array.dtype))
        itemsize = context.get_constant(types.intp, size)

        def in_bytes(step: Any, kind: Any) -> Any:
            if kind == types.uint32:
                return builder.zext(builder.mul(step, _I32(size)), itemsize.type)
            return builder.mul(context.cast(builder, step, kind, types.intp), itemsize)

        steps = map(in_bytes, cgutils.unpack_tuple(builder, arguments[3]), strides)
        context.populate_array(
            result,
            data=builder.gep(source.data, [arguments[1]]),
            shape=arguments[2],
            strides=cgutils.pack_array(builder, list(steps)),
            itemsize=itemsize,
            meminfo=None,
        )
        return result._getvalue()

    return view(array, types.intp, index, strides), generate


def _plain_strided(array: Any, begin: Any, shape: Any, strides: Any) -> Any:
    bytes_apart = tuple(int(step) * array.itemsize for step in strides)
    rest = array.reshape(-1)[begin:]
    return np.lib.stride_tricks.as_strided(rest, tuple(map(int, shape)), bytes_apart)


@intrinsic
def _add_rows(typing_context, values, links, row, first):
    def generate(context, builder, signature, arguments):
        def parts(position: int) -> list[tuple[Any, Any]]:
            return list(
                zip(signature.args[position], cgutils.unpack_tuple(builder, arguments[position]), strict=True)
            )

        def index(kind: Any, number: Any) -> Any:
            return context.cast(builder, number, kind, types.intp)

        def element(kind: Any, array: Any, *indices: Any) -> Any:
            view = context.make_array(kind)(context, builder, array)
            shape, strides = (
                cgutils.unpack_tuple(builder, view.shape),
                cgutils.unpack_tuple(builder, view.strides),
            )
            return cgutils.get_item_pointer2(context, builder, view.data, shape, strides, "C", indices)

        source, weight, begin, end = parts(1)
        out, place, _ = parts(2)
        column = index(signature.args[3], arguments[3])
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        with cgutils.for_range_slice(builder, index(*begin), index(*end), ir.Constant(column.type, 1)) as (
            link,
            _,
        ):
            slot = builder.zext(builder.load(element(*source, link)), column.type)
            factor = builder.load(element(*weight, link))
            splat = builder.shuffle_vector(
                builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), factor, _I32(0)),
                ir.Constant(_VECTOR, ir.Undefined),
                ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES),
            )
            read = builder.bitcast(
                element(signature.args[0], arguments[0], slot, column), _VECTOR.as_pointer()
            )
            product = builder.fmul(splat, builder.load(read, align=4), flags=("contract",))
            builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)
        written = builder.bitcast(element(*out, index(*place), column), _VECTOR.as_pointer())
        builder.store(builder.load(total), written, align=4)
        return context.get_dummy_value()

    return types.void(values, links, row, types.intp), generate


def _plain_add_rows(values, links, row, first):
    lanes = slice(first, first + LANES)
    total = np.zeros(LANES, np.float32)
    for link in range(links.begin, links.end):
        total += links.weight[link] * values[links.source[link], lanes]
    row.values[row.place, lanes] = total


_compiled = not getattr(config, "DISABLE_JIT", False)

# column(array, index, rows) returns `array[:, index]` of a contiguous matrix with this number of rows, for an index in
# range. It only computes an address: numba would compare the index with the shape, and LLVM would not vectorise a loop
# over columns. If the number of rows is a constant, LLVM drops the checks of constant indices.
column: Any = _column if _compiled else _plain_column

# strided(array, begin, shape, strides) returns elements `begin + Σ index · stride` of a contiguous array, as an array
# of that shape. It checks nothing. Strides of type uint32 save a GPU half of the arithmetic.
strided: Any = _strided if _compiled else _plain_strided

# add_rows(values, links, row, first) writes the sum of weight[link] · values[source[link]] over Links to eight elements
# of a Row, from `first` on. It keeps the sum in one vector register.
add_rows: Any = _add_rows if _compiled else _plain_add_rows
