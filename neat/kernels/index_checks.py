"""Check the indices of arrays in user-defined functions; the error names the function, the array and the index.

The error of numba's own check names none of these. Here, the compiler inserts a check before every access. It costs
nothing where the compiler knows the index and the size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numba import types
from numba.core import cgutils, ir, ir_utils
from numba.core.compiler import Compiler, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic


class IndexOutOfRange(IndexError):
    """An index is out of range. The arguments: a text with function, line and array; the index; the size."""

    def __str__(self) -> str:
        place, index, size = self.args
        return f"{place}: index {index} is out of range for size {size}"


@intrinsic(prefer_literal=True)
def _check_index(typing_context, array, index, place):
    indices = list(index) if isinstance(index, types.BaseTuple) else [index]
    is_checked = isinstance(array, types.Array | types.NumpyFlatType) and all(
        isinstance(each, types.Integer | types.SliceType) for each in indices
    )

    def generate(context, builder, signature, arguments):
        if not is_checked:
            return context.get_dummy_value()
        # The exception needs memory from numba's runtime, even in a function that may not make arrays.
        raising = context.subtarget(enable_nrt=True)
        vars(raising).pop("nrt", None)  # the copy is for a context without the runtime
        if isinstance(array, types.NumpyFlatType):
            shape = [context.get_function(len, types.intp(array))(builder, arguments[:1])]
        else:
            shape = cgutils.unpack_tuple(
                builder, context.make_array(array)(context, builder, arguments[0]).shape
            )
        values = [arguments[1]]
        if isinstance(index, types.BaseTuple):
            values = cgutils.unpack_tuple(builder, arguments[1])
        # Not strict, because there can be fewer indices than dimensions.
        for kind, value, size in zip(indices, values, shape, strict=False):
            if isinstance(kind, types.Integer):
                wide = context.cast(builder, value, kind, types.intp)
                below = builder.icmp_signed("<", wide, builder.neg(size))
                above = builder.icmp_signed(">=", wide, size)
                with builder.if_then(builder.or_(below, above), likely=False):
                    raising.call_conv.return_dynamic_user_exc(
                        builder,
                        IndexOutOfRange,
                        (place.literal_value, wide, size),
                        (None, types.intp, types.intp),
                    )
        return context.get_dummy_value()

    return types.none(array, index, place), generate


@register_pass(mutates_CFG=False, analysis_only=False)
class _CheckIndices(FunctionPass):
    _name = "check_indices"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Insert a call of `_check_index` before every access by an index."""
        code = state.func_ir
        for block in code.blocks.values():
            block.body = [
                each for statement in block.body for each in _add_check(code, block.scope, statement)
            ]
        code._definitions = ir_utils.build_definitions(code.blocks)
        return True


def _add_check(code: Any, scope: Any, statement: Any) -> list[Any]:
    value = getattr(statement, "value", None)
    if isinstance(statement, ir.SetItem):
        array, index = statement.target, statement.index
    elif isinstance(value, ir.Expr) and value.op == "getitem":
        array, index = value.value, value.index
    else:
        return [statement]
    location = statement.loc
    place = f"{code.func_id.func_name}, line {location.line} of {Path(location.filename).name}, {_quote(code, array)}"
    check, text, nothing = (scope.redefine(f"$check_{name}", location) for name in ("index", "place", "none"))
    return [
        ir.Assign(ir.Global("_check_index", _check_index, location), check, location),
        ir.Assign(ir.Const(place, location), text, location),
        ir.Assign(ir.Expr.call(check, [array, index, text], (), location), nothing, location),
        statement,
    ]


def _quote(code: Any, variable: Any) -> str:
    """Return the expression for an array in the source, as far as it is known."""
    if not variable.name.startswith("$"):
        return str(variable.unversioned_name)
    meaning = ir_utils.guard(ir_utils.get_definition, code, variable)
    if isinstance(meaning, ir.Global | ir.FreeVar):
        return str(meaning.name)
    if isinstance(meaning, ir.Expr) and meaning.op == "getattr":
        return f"{_quote(code, meaning.value)}.{meaning.attr}"
    if isinstance(meaning, ir.Expr) and meaning.op == "getitem":
        return f"{_quote(code, meaning.value)}[…]"
    return "an array"


class CheckingCompiler(Compiler):
    """numba's compiler, with a check before every access by an index."""

    def define_pipelines(self) -> list[Any]:
        """Return the passes of a compilation, with the one that inserts the checks."""
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_CheckIndices, IRProcessing)
        passes.finalize()
        return [passes]
