"""Products of a matrix with shifted views of an array, whose sums stay in vector registers.

numba keeps no array in registers, so the inner loops are LLVM's code. A view begins at its `offset` in an array; views
overlap, so that no copy of them is needed. The callers pass arrays that extend a block beyond the last view's begin.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from neat.kernels.jit import inner_function
from neat.kernels.work_pieces import IS_COMPILED

# Sums of a block of places for some rows take two thirds of the registers: 32 of 64 bytes, or 16 of 32 bytes.
_MANY_REGISTERS = bool(binding.get_host_cpu_features().get("avx512f"))
_VECTOR_BYTES = 64 if _MANY_REGISTERS else 32
BLOCK_BYTES = 2 * _VECTOR_BYTES
_MANY, _SOME = 8 if _MANY_REGISTERS else 6, 3  # rows
_PRODUCT_ROWS, _PRODUCT_VIEWS = 4, 3

_I32 = ir.IntType(32)
_INDEX = ir.IntType(64)


def _vector(context: Any, dtype: Any, size: int) -> Any:
    return ir.VectorType(context.get_data_type(dtype), size * 8 // dtype.bitwidth)


def _load(builder: Any, pointer: Any, kind: Any, align: int) -> Any:
    return builder.load(builder.bitcast(pointer, kind.as_pointer()), align=align)


def _splat(builder: Any, number: Any, kind: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    single = builder.insert_element(undefined, number, _I32(0))
    return builder.shuffle_vector(
        single, undefined, ir.Constant(ir.VectorType(_I32, kind.count), [0] * kind.count)
    )


def _add_product(builder: Any, total: Any, a: Any, b: Any) -> None:
    product = builder.fmul(a, b, flags=("contract",))
    builder.store(builder.fadd(builder.load(total), product, flags=("contract",)), total)


def _add_lanes(builder: Any, vector: Any) -> Any:
    scalar, count = vector.type.element, vector.type.count
    name = f"llvm.vector.reduce.fadd.v{count}f{32 if scalar == ir.FloatType() else 64}"
    kind = ir.FunctionType(scalar, [scalar, vector.type])
    add = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(add, [ir.Constant(scalar, 0.0), vector], fastmath=("reassoc",))


def _weighted_sums(rows: int) -> Any:
    """Return `f(start, matrix, row, array, offset, place, result)`, a block of some rows of `weigh_views`."""

    @intrinsic
    def weighted_sums(typing_context, start, matrix, row, array, offset, place, result):
        def generate(context, builder, signature, arguments):
            kinds, align = signature.args, matrix.dtype.bitwidth // 8
            first, weight, source, begin, target = (
                context.make_array(kinds[k])(context, builder, arguments[k]) for k in (0, 1, 3, 4, 6)
            )
            kind = _vector(context, matrix.dtype, BLOCK_BYTES)
            views = cgutils.unpack_tuple(builder, weight.shape)[1]
            width = cgutils.unpack_tuple(builder, target.shape)[1]
            lines = [builder.add(arguments[2], _INDEX(k)) for k in range(rows)]
            weights = [builder.gep(weight.data, [builder.mul(line, views)]) for line in lines]
            base = builder.gep(source.data, [arguments[5]])
            sums = [cgutils.alloca_once(builder, kind) for _ in range(rows)]
            for total, line in zip(sums, lines, strict=True):
                number = builder.load(builder.gep(first.data, [line]))
                builder.store(_splat(builder, number, kind), total)
            with cgutils.for_range(builder, views, intp=_INDEX) as loop:
                view = builder.gep(base, [builder.load(builder.gep(begin.data, [loop.index]))])
                values = _load(builder, view, kind, align)
                for total, each in zip(sums, weights, strict=True):
                    factor = builder.load(builder.gep(each, [loop.index]))
                    _add_product(builder, total, _splat(builder, factor, kind), values)
            for total, line in zip(sums, lines, strict=True):
                written = builder.gep(target.data, [builder.add(builder.mul(line, width), arguments[5])])
                builder.store(builder.load(total), builder.bitcast(written, kind.as_pointer()), align=align)
            return context.get_dummy_value()

        return types.void(start, matrix, types.intp, array, offset, types.intp, result), generate

    return weighted_sums


def _products(rows: int, views: int) -> Any:
    """Return `f(blocks, row, arrays, offset, view, result)`, which computes some elements of `multiply_views`."""

    @intrinsic
    def products(typing_context, blocks, row, arrays, offset, view, result):
        def generate(context, builder, signature, arguments):
            left, right, begin, target = (
                context.make_array(signature.args[k])(context, builder, arguments[k]) for k in (0, 2, 3, 5)
            )
            align, kind = blocks.dtype.bitwidth // 8, _vector(context, blocks.dtype, _VECTOR_BYTES)
            count, height, width = cgutils.unpack_tuple(builder, left.shape)
            length = cgutils.unpack_tuple(builder, right.shape)[1]
            lines = [builder.add(arguments[1], _INDEX(k)) for k in range(rows)]
            columns = [builder.add(arguments[4], _INDEX(k)) for k in range(views)]
            begins = [builder.load(builder.gep(begin.data, [column])) for column in columns]
            sums = [[cgutils.alloca_once(builder, kind) for _ in columns] for _ in lines]
            for total in itertools.chain(*sums):
                builder.store(ir.Constant(kind, [0.0] * kind.count), total)
            with cgutils.for_range(builder, count, intp=_INDEX) as block:
                above, base = builder.mul(block.index, height), builder.mul(block.index, length)
                places = [builder.mul(builder.add(above, line), width) for line in lines]
                lefts = [builder.gep(left.data, [place]) for place in places]
                rights = [builder.gep(right.data, [builder.add(base, each)]) for each in begins]
                step = _INDEX(kind.count)
                with cgutils.for_range_slice(builder, _INDEX(0), width, step, intp=_INDEX) as (k, _):
                    values = [_load(builder, builder.gep(each, [k]), kind, align) for each in rights]
                    for each, totals in zip(lefts, sums, strict=True):
                        factor = _load(builder, builder.gep(each, [k]), kind, align)
                        for total, value in zip(totals, values, strict=True):
                            _add_product(builder, total, factor, value)
            for line, totals in zip(lines, sums, strict=True):
                for column, total in zip(columns, totals, strict=True):
                    place = builder.add(
                        builder.mul(line, cgutils.unpack_tuple(builder, target.shape)[1]), column
                    )
                    number = _add_lanes(builder, builder.load(total))
                    builder.store(number, builder.gep(target.data, [place]))
            return context.get_dummy_value()

        return types.void(blocks, types.intp, arrays, offset, types.intp, result), generate

    return products


_many_sums, _some_sums, _one_sum = _weighted_sums(_MANY), _weighted_sums(_SOME), _weighted_sums(1)
_many_products, _one_product = _products(_PRODUCT_ROWS, _PRODUCT_VIEWS), _products(1, 1)


@inner_function(inline="never")
def _weigh_views(start, matrix, array, offset, result):
    # The last rows may overlap those before.
    rows = matrix.shape[0]
    for place in range(0, result.shape[1], BLOCK_BYTES // array.itemsize):
        if rows >= _MANY:
            for row in range(0, rows, _MANY):
                _many_sums(start, matrix, min(row, rows - _MANY), array, offset, place, result)
        elif rows >= _SOME:
            for row in range(0, rows, _SOME):
                _some_sums(start, matrix, min(row, rows - _SOME), array, offset, place, result)
        else:
            for row in range(rows):
                _one_sum(start, matrix, row, array, offset, place, result)


@inner_function(inline="never")
def _multiply_views(blocks, arrays, offset, result):
    rows, views = result.shape
    if rows < _PRODUCT_ROWS or views < _PRODUCT_VIEWS:
        for row in range(rows):
            for view in range(views):
                _one_product(blocks, row, arrays, offset, view, result)
        return
    for row in range(0, rows, _PRODUCT_ROWS):  # the last rows and views may overlap those before
        first = min(row, rows - _PRODUCT_ROWS)
        for view in range(0, views, _PRODUCT_VIEWS):
            _many_products(blocks, first, arrays, offset, min(view, views - _PRODUCT_VIEWS), result)


def _views(array: Any, begin: Any, width: int) -> Any:
    """Return the views of this width that begin at these elements; they may extend beyond a row of the array."""
    length = int(begin.max()) + width
    flat = np.lib.stride_tricks.as_strided(array, (length,), (array.itemsize,))
    return flat[begin[:, None] + np.arange(width)]


def _plain_weigh_views(start: Any, matrix: Any, array: Any, offset: Any, result: Any) -> None:
    result[...] = start[:, None] + matrix @ _views(array, offset, result.shape[1])


def _plain_multiply_views(blocks: Any, arrays: Any, offset: Any, result: Any) -> None:
    pairs = zip(blocks, arrays, strict=True)
    result[...] = sum(block @ _views(array, offset, block.shape[1]).T for block, array in pairs)


# weigh_views(start, matrix, array, offset, result) sets row r of the result to start[r] plus the sum of matrix[r, k] ·
# view k of the array. A row has a multiple of BLOCK_BYTES.
weigh_views: Any = _weigh_views if IS_COMPILED else _plain_weigh_views

# multiply_views(blocks, arrays, offset, result) sets result[r, k] to the sum, over the blocks and their arrays, of the
# scalar product of a block's row r and view k of its array. A row has a multiple of BLOCK_BYTES.
multiply_views: Any = _multiply_views if IS_COMPILED else _plain_multiply_views
