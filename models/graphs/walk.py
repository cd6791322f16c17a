"""Where a walk over a sequence comes by, as a graph: each place says where the next step leads."""

from __future__ import annotations

from models.tflite.graph import Graph, Tensor
from models.tflite.ops import arange, cast, gather, maximum, shape, total, while_loop
from models.tflite.sequence_ops import cumsum, cut, equal, greater, pad, segment_min, segment_sum


def visited(step: Tensor) -> Tensor:
    """Which places a walk visits that begins at 0, int32 [n], 1 or 0.

    A place that no step jumps over is visited. From those on, the steps of all places are doubled until they
    lead nowhere new: the rounds are at most the logarithm of n.

    Args:
        step: Where each place leads, int32 [n]: further on, at most to n.
    """
    g = step.graph
    n = shape(step)
    places = arange(n + 1)
    arrivals = segment_sum(step - step + 1, step, n + 1)
    over = places - cumsum(arrivals)  # steps that begin before a place and end behind it
    seen = cast(equal(over, 0), "int32")
    jump = pad(step, 0, 1, n)
    state = (seen, jump, n)
    return cut(while_loop(_condition(g), _round(g), state)[0], 0, -1)


def _state(graph: Graph) -> tuple[Tensor, Tensor, Tensor]:
    seen, jump = graph.input("seen", [-1], "int32"), graph.input("jump", [-1], "int32")
    return seen, jump, graph.input("news", [1], "int32")


def _condition(caller: Graph) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_walking")
    *_, news = _state(graph)
    graph.output("walking", greater(news, 0))
    return graph


def _round(caller: Graph) -> Graph:
    graph = caller.model.subgraph(f"{caller.name}_walk")
    seen, jump, _ = _state(graph)
    reached = cast(equal(segment_min(seen * -1, jump, shape(seen)), -1), "int32")
    now = maximum(seen, reached)
    graph.output("seen", now)
    graph.output("jump", gather(jump, jump))
    graph.output("news", total(now - seen))
    return graph
