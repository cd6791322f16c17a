"""`serving_default`: a whole generation in one call, text in and text out, as the codelab's file.

Prompt and completion come back together. The newest tokens of the prompt are prefilled in one pass of fixed
width; a WHILE then decodes one token a round, with the caches as part of its state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.model.shape import LANES, MASKED
from models.checkpoint.vocabulary import Vocabulary
from models.graphs.baked_sampler import Sampler, sample
from models.graphs.decoder import Decoder
from models.graphs.tokenizer import detokenize, tokenize
from models.tflite import ops, sequence_ops
from models.tflite.graph import Graph, Model, Tensor

JOINED = 128
"""Width of the final join: room for (JOINED - 1) * JOINED bytes of prompt and tokens of completion."""


STATE = ("count", "position", "token", "written", "keys", "values", "random")
"""Of the loop: int32 [1] three times, the tokens [N], caches [L, KV, S, HD]; the last only where it draws."""

GREEDY = Sampler()


@dataclass(frozen=True, slots=True)
class Generation:
    """What is baked into the signature.

    Attributes:
        window: Prompt tokens kept, the newest.
        tokens: Most tokens generated; window + tokens is a multiple of LANES.
        start_id: Stands for an empty prompt, or before every one.
        end_ids: Tokens that end the text.
        sampler: Chooses each token.
        starts: Whether `start_id` stands before every prompt; it is one of the `window` tokens then.
    """

    window: int
    tokens: int
    start_id: int
    end_ids: tuple[int, ...]
    sampler: Sampler = GREEDY
    starts: bool = False


def write_serving(model: Model, decoder: Decoder, vocabulary: Vocabulary, generation: Generation) -> None:
    """Add the signature `serving_default(prompt string [1]) -> output_0 string [1]`."""
    g = model.subgraph("serving_default")
    prompt = g.input("prompt", [1], "string")
    ids = tokenize(g, vocabulary, prompt)  # [n]
    tokens, kept = _window(ids, generation)
    state = _prefill(g, decoder, tokens, kept, generation)
    condition, body = _condition(model, state, generation), _body(model, decoder, state, generation)
    count, _, _, written, *_ = ops.while_loop(condition, body, state)
    completion = ops.gather(written, ops.arange(count))  # [count]
    g.output("output_0", detokenize(g, vocabulary, completion, after=prompt, width=JOINED))
    model.signature(g)


def _window(ids: Tensor, generation: Generation) -> tuple[Tensor, Tensor]:
    """The newest tokens, left-aligned in [window], and their number [1]; see `start_id`."""
    g = ids.graph
    every = ops.concat([g.constant([generation.start_id], "int32"), ids], 0)  # [1 + n]
    n = ops.shape(ids)  # [1]
    if generation.starts:
        kept = sequence_ops.minimum(n + 1, generation.window)
        newest = g.constant(np.arange(generation.window, dtype=np.int32)) + (n + 1 - kept)
        at = sequence_ops.minimum(newest, n) * g.constant((np.arange(generation.window) > 0).astype(np.int32))
        return ops.gather(every, at), kept
    kept = sequence_ops.minimum(ops.maximum(n, 1), generation.window)
    places = g.constant(np.arange(generation.window, dtype=np.int32))
    return ops.gather(every, sequence_ops.minimum(places + (n + 1 - kept), n)), kept


def _prefill(
    g: Graph, decoder: Decoder, tokens: Tensor, kept: Tensor, generation: Generation
) -> tuple[Tensor, ...]:
    """The loop's first state, as STATE names it."""
    a, W, N = decoder.arch, generation.window, generation.tokens
    padding = LANES - (W - 1) % LANES
    seen = np.arange(W - 1 + padding) < np.arange(W)[:, None]
    mask = np.where(seen, 0, MASKED).astype(np.float32).repeat(a.group, axis=0)[None]
    outcome = decoder.prefill(
        g,
        tokens,
        positions=g.constant(np.arange(W, dtype=np.int32)),
        rows=kept - 1,
        mask=g.constant(mask),
        caches=None,
        zeros=g.constant(np.zeros((padding, a.kv_heads, a.head_size), np.float32)),
    )
    room = ops.fill(g, [a.layers, a.kv_heads, N, a.head_size], 0.0)
    by_head = [ops.transpose(_join(new), [0, 2, 1, 3]) for new in (outcome.keys, outcome.values)]
    caches = [ops.concat([new, room], 2) for new in by_head]
    written = g.constant(np.zeros(N, np.int32))
    sampler = generation.sampler
    token, random = _choose(outcome.logits, [g.constant(sampler.start)] if sampler.random else [], sampler)
    return (g.constant([0], "int32"), kept, token, written, *caches, *random)


def _choose(logits: Tensor, random: Sequence[Tensor], sampler: Sampler) -> tuple[Tensor, list[Tensor]]:
    """A token [1] out of logits [1, V]; the random numbers' state goes through, if there is one."""
    if not sampler.random:
        return ops.argmax(logits), []
    token, state = sample(sampler, logits, *random)
    return token, [state]


def _inputs(g: Graph, state: Sequence[Tensor]) -> list[Tensor]:
    return [g.input(name, t.shape, t.dtype) for name, t in zip(STATE, state, strict=False)]


def _condition(model: Model, state: Sequence[Tensor], generation: Generation) -> Graph:
    """Whether there is room for the token and it does not end the text."""
    g = model.subgraph("serving_condition")
    count, _, token, *_ = _inputs(g, state)
    going_on = sequence_ops.less(count, generation.tokens)
    for end in generation.end_ids:
        going_on = sequence_ops.both(going_on, sequence_ops.not_equal(token, end))
    g.output("going_on", going_on)
    return g


def _body(model: Model, decoder: Decoder, state: Sequence[Tensor], generation: Generation) -> Graph:
    """Write the token down, feed it, choose the next."""
    a, g = decoder.arch, model.subgraph("serving_body")
    count, position, token, written, keys, values, *random = _inputs(g, state)
    S = keys.shape[2]
    places = g.constant(np.arange(S, dtype=np.int32))
    unseen = ops.cast(sequence_ops.less(position - 1, places), "float32") * MASKED  # [S]
    caches = [(_layer(keys, n), _layer(values, n)) for n in range(a.layers)]
    outcome = decoder.decode(g, token, position, ops.reshape(unseen, [1, 1, 1, S]), caches)
    shape = [a.layers, a.kv_heads, 1, a.head_size]
    zero = g.constant([0], "int32")
    at = ops.concat([zero, zero, position, zero], 0)
    following = count + 1, position + 1
    chosen, random = _choose(outcome.logits, random, generation.sampler)
    outputs = (
        *following,
        chosen,
        ops.dynamic_update_slice(written, token, count),
        ops.dynamic_update_slice(keys, ops.reshape(_join(outcome.keys), shape), at),
        ops.dynamic_update_slice(values, ops.reshape(_join(outcome.values), shape), at),
    )
    for name, tensor in zip(STATE, (*outputs, *random), strict=False):
        g.output(name, tensor)
    return g


def _join(layers: Sequence[Tensor]) -> Tensor:
    """[L, T, KV, HD] of each layer's [T, KV, HD]."""
    return ops.concat([ops.reshape(layer, [1, *layer.shape]) for layer in layers], 0)


def _layer(caches: Tensor, n: int) -> Tensor:
    """Layer n of [L, KV, S, HD]."""
    return ops.slice_(caches, [n, 0, 0, 0], [1, *caches.shape[1:]])
