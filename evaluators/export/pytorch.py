"""Export to PyTorch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluators.export.interface import Interface, build, take_apart
from evaluators.models.model import Model
from neat.genome.genome import Genome

if TYPE_CHECKING:
    from evaluators.export.torch_module import NetworkModule


def to_torch(source: Genome | Model, interface: Interface | None = None) -> NetworkModule:
    """Return a network as a `torch.nn.Module` whose weights and biases can be trained further.

    The module of a feed-forward network maps inputs, float32 (…, inputs), to outputs, float32 (…, outputs). That of a
    recurrent network is called as `module(inputs, state)` and returns the outputs and the next state, float32
    (…, nodes); None is the state before the first step.

    Its parameters are `weight`, of shape (connections,), and `bias`, of shape (nodes,); responses stay as they are.
    After training, `module.to_genome()` returns the genome with the new weights and biases.

    Args:
        source: The genome, or a model, whose names and scales are exported too.
        interface: Scales; names are ignored.

    Raises:
        ValueError: The genome has a user-defined function, or `interface` does not fit it.
        ImportError: PyTorch is not installed.
    """
    genome, interface = take_apart(source, interface)
    try:
        from evaluators.export.torch_module import NetworkModule
    except ImportError as error:
        if error.name != "torch":
            raise
        raise ImportError("to_torch needs torch: pip install 'batchneat[torch]'") from None
    graph, interface = build(genome, interface)
    return NetworkModule(genome, graph, interface)
