"""What a node computes: `activation(bias + response * aggregation(weight * value, …))`.

The only place that says so, for a tile of samples at a time. The functions work on rows, one float32 for each
sample, so that the compiler turns their loops into vector code; which function a row needs is looked up once per
row. They are built from the table in neat.activations. The choice between the table's functions is generated
source: closures around each compile several times slower.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evaluators.program.intrinsics import LANES, add_rows
from neat.activations import Activation, Aggregation, name_of_table
from neat.kernels.jit import inner_function

_0 = np.float32(0.0)
_called = inner_function(inline="never", contract=True)

# For up to so many samples, the most common functions are made part of the loop over nodes: a call takes as long as
# they do: the sum, and so many activations at the beginning of their table.
_NARROW = 16
_COMMON = 5

_AT_ONCE = 4  # links that a GPU's thread reads at once


def activation_switch(table: Sequence[Activation], compiled: Callable[..., Any]) -> Callable[..., Any]:
    """A jitted `activate(index, bias, response, values, row, width)` over a table's activations.

    It puts the aggregates in `values[row, :width]` through the activation with that index in the table.
    """
    case = """
    {keyword} index == {index}:
        for sample in range(width):
            values[row, sample] = case_{index}(bias + response * values[row, sample])"""
    return switch(
        "activate", "index, bias, response, values, row, width", case, [e.function for e in table], compiled
    )


def aggregation_switch(
    table: Sequence[Aggregation],
    add: Callable[..., Any],
    compiled: Callable[..., Any],
) -> Callable[..., Any]:
    """A jitted `aggregate(index, values, source, weight, begin, end, out, row, width, gathered)`.

    It puts into `out[row, :width]` the aggregate of links `begin` to `end` (one at least), whose values are
    `weight[link] * values[source[link], :width]`. `gathered` is scratch, float32, for as many. `add` does so for
    sums: they are nearly every node's, so each backend has a fast way.
    """
    parameters = "values, source, weight, begin, end, out, row, width, gathered"
    case = f"""
    {{keyword}} index == {{index}}:
        case_{{index}}({parameters})"""
    functions = [add if entry.name == "sum" else _over_rows(entry) for entry in table]
    return switch("aggregate", f"index, {parameters}", case, functions, compiled)


def _position_of_sum(table: Sequence[Aggregation]) -> int:
    return [entry.name for entry in table].index("sum")


def _over_rows(entry: Aggregation) -> Callable[..., Any]:
    return _folding(entry.function) if entry.fold else _gathering(entry.function)


def forward_function(
    activation_table: Sequence[Activation], aggregation_table: Sequence[Aggregation]
) -> Callable[..., Any]:
    """A jitted `forward(programs, network, input_count, read, write, width, gathered)` over the tables.

    It computes one network's nodes, in the program's order, for a tile of samples: node k's row is
    `write[input_count + k]`, the values of its sources are rows of `read`. With `read` and `write` the same
    array, of shape (slots, samples), this is a feed-forward pass; with two, a step of a recurrent network.
    """
    activate_row = activation_switch(activation_table, _kept("activate", len(activation_table), 0))
    activate_inline = activation_switch(activation_table[:_COMMON], inner_function(contract=True))
    aggregate_rows = aggregate_function(aggregation_table)
    summing = _position_of_sum(aggregation_table)

    @inner_function(inline="early")
    def aggregate(index, values, source, weight, begin, end, out, row, width, gathered):
        if width <= _NARROW and index == summing:
            _add_narrow(values, source, weight, begin, end, out, row, width)
        else:
            aggregate_rows(index, values, source, weight, begin, end, out, row, width, gathered)

    @inner_function(inline="early")
    def activate(index, bias, response, values, row, width):
        if width <= _NARROW and index < _COMMON:
            activate_inline(index, bias, response, values, row, width)
        else:
            activate_row(index, bias, response, values, row, width)

    return _forward(aggregate, activate)


def aggregate_function(table: Sequence[Aggregation]) -> Callable[..., Any]:
    """What `aggregation_switch` builds, for long rows."""
    return aggregation_switch(table, _add, _kept("aggregate", 0, len(table)))


def _kept(name: str, activations: int, aggregations: int) -> Callable[..., Any]:
    """For a function of this name over the first so many of the tables: compiled, and kept on disk."""
    return inner_function(
        inline="never", contract=True, saved_as=f"{name}-{name_of_table(activations, aggregations)}"
    )


def forward_in_registers(
    activation_table: Sequence[Activation], aggregation_table: Sequence[Aggregation], samples: int
) -> Callable[..., Any]:
    """As `forward_function`, for a thread of a GPU: `width` is always `samples`, and sums are kept in registers."""
    add = _sum_in_registers(samples)
    return _forward(
        aggregation_switch(aggregation_table, add, inner_function(contract=True)),
        _activation_in_registers(activation_table, samples),
    )


def _forward(aggregate: Callable[..., Any], activate: Callable[..., Any]) -> Callable[..., Any]:
    @inner_function(inline="early")
    def forward(programs, network, input_count, read, write, width, gathered):
        first_node = programs.node_start[network]
        begin = programs.link_start[network]
        for k in range(programs.node_count[network]):
            # Without a sign: numba then does not ask whether an index counts from the end.
            node = np.uint32(first_node + k)
            row = np.uint32(input_count + k)
            # What a node is, read at once: a GPU waits for memory once.
            end = programs.link_end[node]
            aggregation, activation = programs.node_aggregation[node], programs.node_activation[node]
            bias, response = programs.node_bias[node], programs.node_response[node]
            if begin == end:
                _clear(write, row, width)
            else:
                aggregate(
                    aggregation,
                    read,
                    programs.link_source,
                    programs.link_weight,
                    begin,
                    end,
                    write,
                    row,
                    width,
                    gathered,
                )
            activate(activation, bias, response, write, row, width)
            begin = end

    return forward


@inner_function(contract=True)
def _add_narrow(values, source, weight, begin, end, out, row, width):
    """As `_add`, for few samples: made part of the loop over nodes, sums kept in registers, eight side by side."""
    whole = width - width % LANES
    for first in range(0, whole, LANES):
        add_rows(values, source, weight, begin, end, out, row, first)
    for sample in range(whole, width):
        total = _0
        for link in range(begin, end):
            total += weight[link] * values[np.uint32(source[link]), np.uintp(sample)]
        out[row, np.uintp(sample)] = total


@inner_function(contract=True)
def _clear(out, row, width):
    for sample in range(width):
        out[row, sample] = _0


def switch(
    name: str,
    parameters: str,
    case: str,
    functions: Sequence[Callable[..., Any]],
    compiled: Callable[..., Any] = _called,
) -> Callable[..., Any]:
    """A jitted function of these parameters that does `case` for the function at position `index`, by that name."""
    lines = [f"def {name}({parameters}):"]
    for index in range(len(functions)):
        lines.append(case.format(index=index, keyword="elif" if index else "if"))
    cases = {f"case_{index}": case for index, case in enumerate(functions)}
    return compiled(_generate(name, "".join(lines), cases))


def _generate(name: str, source: str, namespace: dict[str, Any]) -> Any:
    """The function of this name, as if it stood in this file: numba keeps builds of nothing else."""
    namespace = {**namespace, "__name__": __name__}
    exec(compile(source, __file__, "exec"), namespace)
    return namespace[name]


def _sum_pass(links: int, start: str) -> Callable[..., Any]:
    """A jitted pass over a row that adds so many weighted rows to `start`."""
    source = "def add(values, source, weight, begin, out, row, width):\n"
    for link in range(links):
        source += f"    r{link}, w{link} = source[begin + {link}], weight[begin + {link}]\n"
    source += f"    for sample in range(width):\n        total = {start}\n"
    source += "".join(f"        total += w{link} * values[r{link}, sample]\n" for link in range(links))
    source += "        out[row, sample] = total\n"
    return inner_function(_generate("add", source, {"zero": _0}), contract=True)


def _first_pass() -> Callable[..., Any]:
    """A jitted pass over a row that sums its first 1 to 8 weighted rows, so that a multiple of 8 is left."""
    parameters = "values, source, weight, begin, out, row, width"
    case = f"""
    {{keyword}} count == {{index}} + 1:
        case_{{index}}({parameters})"""
    return switch(
        "start", f"count, {parameters}", case, [_sum_pass(links, "zero") for links in range(1, _LINKS + 1)]
    )


# Links that a pass adds: it reads and writes the row, and takes a while to start.
_LINKS = 8
_start, _add_links = _first_pass(), _sum_pass(_LINKS, "out[row, sample]")


@inner_function(inline="early", contract=True)
def _add(values, source, weight, begin, end, out, row, width, gathered):
    first = (end - begin - 1) % _LINKS + 1
    _start(first, values, source, weight, begin, out, row, width)
    for link in range(begin + first, end, _LINKS):
        _add_links(values, source, weight, link, out, row, width)


def _sum_in_registers(samples: int) -> Callable[..., Any]:
    """A jitted `add` (see `aggregation_switch`) for exactly so many samples, one register for each.

    Links are read some at once, since a GPU waits long for what it reads; where fewer are left, the last is read again
    and not added. Indices of 32 bits and without a sign take a GPU one instruction each.
    """
    every = range(samples)
    source = "def add(values, source, weight, begin, end, out, row, width, gathered):\n"
    source += "".join(f"    t{k} = zero\n" for k in every)
    source += "    link, end = uint32(begin), uint32(end)\n    last = uint32(end - one)\n"
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
    source += "".join(f"    out[row, uint32({k})] = t{k}\n" for k in every)
    names = {"zero": _0, "one": np.uint32(1), "uint32": np.uint32}
    return inner_function(_generate("add", source, names), contract=True)


def _activation_in_registers(table: Sequence[Activation], samples: int) -> Callable[..., Any]:
    """As `activation_switch`, for exactly so many samples, one register for each."""
    every = range(samples)
    source = "def activate(index, bias, response, values, row, width):\n"
    source += "".join(f"    v{k} = values[row, uint32({k})]\n" for k in every)
    for index in range(len(table)):
        source += f"    {'elif' if index else 'if'} index == {index}:\n"
        source += "".join(f"        v{k} = case_{index}(bias + response * v{k})\n" for k in every)
    source += "".join(f"    values[row, uint32({k})] = v{k}\n" for k in every)
    names = {f"case_{index}": entry.function for index, entry in enumerate(table)} | {"uint32": np.uint32}
    return inner_function(_generate("activate", source, names), contract=True)


def _folding(fold: Callable[..., Any]) -> Callable[..., Any]:
    @inner_function(contract=True)
    def fold_rows(values, source, weight, begin, end, out, row, width, gathered):
        for sample in range(width):
            out[row, sample] = weight[begin] * values[source[begin], sample]
        for link in range(begin + 1, end):
            factor, slot = weight[link], source[link]
            for sample in range(width):
                out[row, sample] = fold(out[row, sample], factor * values[slot, sample])

    return fold_rows


def _gathering(aggregation: Callable[..., Any]) -> Callable[..., Any]:
    @inner_function(contract=True)
    def gather_rows(values, source, weight, begin, end, out, row, width, gathered):
        for sample in range(width):
            for link in range(begin, end):
                gathered[link - begin] = weight[link] * values[source[link], sample]
            out[row, sample] = aggregation(gathered[: end - begin])

    return gather_rows
