"""The forward pass: it aggregates each node's links, and then updates the node (see `evaluators.program.node`).

The functions work on rows, one float32 for each sample, so that the compiler turns their loops into vector code, and so
that a function is chosen once per row. They are built from the tables in `neat.activations`. The choice between the
functions of a table is generated source; other functions are templates, bound to the functions that they call.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evaluators.program.intrinsics import LANES, add_rows
from evaluators.program.node import Links, Row, node_at, update_with
from neat.activations import Activation, Aggregation, name_tables
from neat.kernels.jit import bind_globals, inner_function

_0 = np.float32(0.0)
_TIME_STEP = np.float32(1.0)  # between two steps of a recurrent network
_contracted = inner_function(contract=True)
_called = inner_function(inline="never", contract=True)

# Names that copies of the templates below are bound to (see `neat.kernels.jit.bind_globals`).
fold: Any = None  # fold(aggregate, value), the function of an Aggregation
aggregation: Any = None  # aggregation(values), the function of an Aggregation
aggregate: Any = None  # see `aggregation_switch`
aggregate_rows: Any = None  # `aggregate`, not inlined
activate: Any = None  # see `activation_switch`
activate_row: Any = None  # `activate`, not inlined
activate_common: Any = None  # `activate` for the first _COMMON activations, inlined
SUM: Any = None  # index of the sum in the table of aggregations

# For up to _NARROW samples, the sum and the first _COMMON activations of the table are inlined in the loop over nodes,
# because a call would take as long as they do.
_NARROW = 16
_COMMON = 5

_AT_ONCE = 4  # links that a GPU thread reads at once

# The source with which generated functions unpack a Row and Links.
_ROW = "\n    values, place, width = row"
_LINKS_AND_ROW = "\n    source, weight, _, _ = links\n    out, place, width = row"


def activation_switch(table: Sequence[Activation], compiled: Callable[..., Any]) -> Callable[..., Any]:
    """Return a jitted `activate(index, node, read, row)` over a table's activations.

    It replaces the aggregates in `row` (a Row) by the values of a node (NodeNumbers) whose activation has that index
    in the table. `read` has the values of the step before.
    """
    case = """
    {keyword} index == {index}:
        for sample in range(width):
            values[place, sample] = case_{index}(node, values[place, sample], read[place, sample], dt)"""
    updates = [update_with(entry.function) for entry in table]
    return switch("activate", "index, node, read, row", case, updates, compiled, _ROW, {"dt": _TIME_STEP})


def aggregation_switch(
    table: Sequence[Aggregation],
    add: Callable[..., Any],
    compiled: Callable[..., Any],
) -> Callable[..., Any]:
    """Return a jitted `aggregate(index, values, links, row, gathered)`.

    It writes the aggregate of `links`, a Links with at least one link, to `row`, a Row. The value of a link is
    `weight[link] * values[source[link], :width]`. `gathered` is float32 scratch with an element for each link. `add` is
    the function for sums, which nearly all nodes use, so that each device has a fast one.
    """
    parameters = "values, links, row, gathered"
    case = f"""
    {{keyword}} index == {{index}}:
        case_{{index}}({parameters})"""
    functions = [add if entry.name == "sum" else _build_row_aggregation(entry) for entry in table]
    return switch("aggregate", f"index, {parameters}", case, functions, compiled)


def _build_row_aggregation(entry: Aggregation) -> Callable[..., Any]:
    if entry.fold:
        return _contracted(bind_globals(_fold_rows, fold=entry.function))
    return _contracted(bind_globals(_gather_rows, aggregation=entry.function))


def _fold_rows(values, links, row, gathered):
    source, weight, begin, end = links
    out, index, width = row
    for sample in range(width):
        out[index, sample] = weight[begin] * values[source[begin], sample]
    for link in range(begin + 1, end):
        factor, slot = weight[link], source[link]
        for sample in range(width):
            out[index, sample] = fold(out[index, sample], factor * values[slot, sample])


def _gather_rows(values, links, row, gathered):
    source, weight, begin, end = links
    out, index, width = row
    for sample in range(width):
        for link in range(begin, end):
            gathered[link - begin] = weight[link] * values[source[link], sample]
        out[index, sample] = aggregation(gathered[: end - begin])


def forward_function(
    activation_table: Sequence[Activation], aggregation_table: Sequence[Aggregation]
) -> Callable[..., Any]:
    """Return a jitted `forward(programs, network, input_count, read, write, width, gathered)` over the tables.

    It computes one network's nodes, in the program's order, for a tile of samples: node k's row is
    `write[input_count + k]`, and the values of its sources are rows of `read`. Both have shape (slots, samples). If
    they are one array, this is a feed-forward pass; otherwise it is a step of a recurrent network.
    """
    early = inner_function(inline="early")
    activate = bind_globals(
        _activate,
        activate_row=activation_switch(
            activation_table, _compile_saved("activate", len(activation_table), 0)
        ),
        activate_common=activation_switch(activation_table[:_COMMON], _contracted),
    )
    aggregate = bind_globals(
        _aggregate,
        aggregate_rows=aggregate_function(aggregation_table),
        SUM=[entry.name for entry in aggregation_table].index("sum"),
    )
    return early(bind_globals(_forward, aggregate=early(aggregate), activate=early(activate)))


def aggregate_function(table: Sequence[Aggregation]) -> Callable[..., Any]:
    """Return the function that `aggregation_switch` builds, for long rows."""
    return aggregation_switch(table, _add, _compile_saved("aggregate", 0, len(table)))


def _compile_saved(name: str, activations: int, aggregations: int) -> Callable[..., Any]:
    """Return a decorator that compiles a function over the first entries of the tables, and saves it on disk."""
    return inner_function(
        inline="never", contract=True, saved_as=f"{name}-{name_tables(activations, aggregations)}"
    )


def forward_in_registers(
    activation_table: Sequence[Activation], aggregation_table: Sequence[Aggregation], samples: int
) -> Callable[..., Any]:
    """Return the `forward` of a GPU thread (see `forward_function`): `width` is `samples`; sums are in registers."""
    add = _sum_in_registers(samples)
    return inner_function(inline="early")(
        bind_globals(
            _forward,
            aggregate=aggregation_switch(aggregation_table, add, _contracted),
            activate=_activation_in_registers(activation_table, samples),
        )
    )


def _forward(programs, network, input_count, read, write, width, gathered):
    first_node = programs.node_start[network]
    begin = programs.link_start[network]
    for k in range(programs.node_count[network]):
        # Unsigned, so that numba does not check whether the index counts from the end.
        place = np.uint32(first_node + k)
        row = Row(write, np.uint32(input_count + k), width)
        # All properties of the node are read together, so that a GPU waits for memory once.
        end = programs.link_end[place]
        aggregation, activation = programs.node_aggregation[place], programs.node_activation[place]
        node = node_at(programs, place)
        if begin == end:
            _clear(row)
        else:
            links = Links(programs.link_source, programs.link_weight, begin, end)
            aggregate(aggregation, read, links, row, gathered)
        activate(activation, node, read, row)
        begin = end


def _aggregate(index, values, links, row, gathered):
    if row.width <= _NARROW and index == SUM:
        _add_narrow(values, links, row)
    else:
        aggregate_rows(index, values, links, row, gathered)


def _activate(index, node, read, row):
    if row.width <= _NARROW and index < _COMMON:
        activate_common(index, node, read, row)
    else:
        activate_row(index, node, read, row)


@inner_function(contract=True)
def _add_narrow(values, links, row):
    """Add weighted rows for few samples: inlined, with eight sums side by side in a register."""
    source, weight, begin, end = links
    out, index, width = row
    whole = width - width % LANES
    for first in range(0, whole, LANES):
        add_rows(values, links, row, first)
    for sample in range(whole, width):
        total = _0
        for link in range(begin, end):
            total += weight[link] * values[np.uint32(source[link]), np.uintp(sample)]
        out[index, np.uintp(sample)] = total


@inner_function(contract=True)
def _clear(row):
    for sample in range(row.width):
        row.values[row.place, sample] = _0


def switch(
    name: str,
    parameters: str,
    case: str,
    functions: Sequence[Callable[..., Any]],
    compiled: Callable[..., Any] = _called,
    before: str = "",
    names: dict[str, Any] | None = None,
) -> Callable[..., Any]:
    """Return a jitted function that runs `case` for the function at position `index`.

    Args:
        name: The name of the function.
        parameters: Its parameters, as source.
        case: The source of one branch, with the fields `index` and `keyword`.
        functions: The functions to choose from; branch k calls `case_k`.
        compiled: The decorator that compiles the function.
        before: Source in front of the branches.
        names: Further names that the source uses.
    """
    lines = [f"def {name}({parameters}):{before}"]
    for index in range(len(functions)):
        lines.append(case.format(index=index, keyword="elif" if index else "if"))
    cases = {f"case_{index}": case for index, case in enumerate(functions)}
    return compiled(_generate(name, "".join(lines), {**cases, **(names or {})}))


def _generate(name: str, source: str, namespace: dict[str, Any]) -> Any:
    """Return the function that the source defines, as if in this file: numba saves builds of files only."""
    namespace = {**namespace, "__name__": __name__}
    exec(compile(source, __file__, "exec"), namespace)
    return namespace[name]


def _sum_pass(links: int, start: str) -> Callable[..., Any]:
    """Return a jitted pass that adds the weighted rows of `links` links, from `begin` on, to `start`."""
    source = f"def add(values, links, begin, row):{_LINKS_AND_ROW}\n"
    for link in range(links):
        source += f"    r{link}, w{link} = source[begin + {link}], weight[begin + {link}]\n"
    source += f"    for sample in range(width):\n        total = {start}\n"
    source += "".join(f"        total += w{link} * values[r{link}, sample]\n" for link in range(links))
    source += "        out[place, sample] = total\n"
    return _contracted(_generate("add", source, {"zero": _0}))


def _first_pass() -> Callable[..., Any]:
    """Return a jitted pass that sums the first 1 to 8 weighted rows, so that a multiple of 8 is left."""
    parameters = "values, links, begin, row"
    case = f"""
    {{keyword}} count == {{index}} + 1:
        case_{{index}}({parameters})"""
    return switch(
        "start", f"count, {parameters}", case, [_sum_pass(links, "zero") for links in range(1, _LINKS + 1)]
    )


# The number of links that a pass adds, since each pass has a start cost, and reads and writes the row.
_LINKS = 8
_start, _add_links = _first_pass(), _sum_pass(_LINKS, "out[place, sample]")


@inner_function(inline="early", contract=True)
def _add(values, links, row, gathered):
    first = (links.end - links.begin - 1) % _LINKS + 1
    _start(first, values, links, links.begin, row)
    for link in range(links.begin + first, links.end, _LINKS):
        _add_links(values, links, link, row)


def _sum_in_registers(samples: int) -> Callable[..., Any]:
    """Return a jitted `add` (see `aggregation_switch`) for exactly this number of samples, with a register for each.

    It reads _AT_ONCE links together, because a GPU waits long for memory. If fewer are left, it reads the last one
    again and does not add it. Unsigned 32-bit indices take a GPU one instruction each.
    """
    every = range(samples)
    source = f"def add(values, links, row, gathered):{_LINKS_AND_ROW}\n"
    source += "".join(f"    t{k} = zero\n" for k in every)
    source += "    link, end = uint32(links.begin), uint32(links.end)\n    last = uint32(end - one)\n"
    source += "    while link < end:\n"
    for ahead in range(_AT_ONCE):
        source += f"        n{ahead} = uint32(link + uint32({ahead}))\n"
        source += f"        i{ahead} = " + (f"n{ahead} if n{ahead} < last else last\n" if ahead else "link\n")
        source += f"        s{ahead}, w{ahead} = uint32(source[i{ahead}]), weight[i{ahead}]\n"
    for ahead in range(_AT_ONCE):
        source += "".join(f"        v{ahead}_{k} = values[s{ahead}, uint32({k})]\n" for k in every)
    for ahead in range(_AT_ONCE):
        for k in every:
            total = f"t{k} + w{ahead} * v{ahead}_{k}"
            source += f"        t{k} = {total}" + (f" if n{ahead} < end else t{k}\n" if ahead else "\n")
    source += f"        link = uint32(link + uint32({_AT_ONCE}))\n"
    source += "".join(f"    out[place, uint32({k})] = t{k}\n" for k in every)
    names = {"zero": _0, "one": np.uint32(1), "uint32": np.uint32}
    return _contracted(_generate("add", source, names))


def _activation_in_registers(table: Sequence[Activation], samples: int) -> Callable[..., Any]:
    """Return the `activate` of `activation_switch` for exactly this number of samples, with a register for each."""
    every = range(samples)
    source = f"def activate(index, node, read, row):{_ROW}\n"
    source += "".join(f"    v{k} = values[place, uint32({k})]\n" for k in every)
    source += "".join(f"    p{k} = read[place, uint32({k})]\n" for k in every)
    for index in range(len(table)):
        source += f"    {'elif' if index else 'if'} index == {index}:\n"
        source += "".join(f"        v{k} = case_{index}(node, v{k}, p{k}, dt)\n" for k in every)
    source += "".join(f"    values[place, uint32({k})] = v{k}\n" for k in every)
    names = {f"case_{index}": update_with(entry.function) for index, entry in enumerate(table)}
    return _contracted(_generate("activate", source, {**names, "dt": _TIME_STEP, "uint32": np.uint32}))
