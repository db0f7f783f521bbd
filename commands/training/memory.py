"""How much memory of one device a run will need, from the model's configuration and the settings, before any weights.

Weights, gradients and optimizer states are counted, and divided where they are: by ZeRO-2 gradients and states, by
ZeRO-3 and FSDP the weights too, of which two layers and the embedding are then there in whole. Activations are those
of decoder layers with a gated MLP and fused attention; other layers differ, and what an allocator wastes and what
buckets of communication take is left out.
"""

from dataclasses import dataclass

TOKENS, VOCABULARY = 4096, 32768
"""TRL's fused head forms logits of so many tokens and words at a time."""


@dataclass(frozen=True)
class Shape:
    """What of a model decides its memory.

    Attributes:
        weights: All of them.
        trained: Those with a gradient.
        hidden: Width of the residual stream.
        intermediate: Width of the MLP.
        layers: Decoder layers.
        keys: Width of all keys of a token in a layer.
        vocabulary: Words.
        packed: Frozen weights that 4 or 8 bits hold: those of linear layers, but for the head.
    """

    weights: int
    trained: int
    hidden: int
    intermediate: int
    layers: int
    keys: int
    vocabulary: int
    packed: int = 0


@dataclass(frozen=True)
class Work:
    """What of the settings does.

    Attributes:
        weight_bytes: Of one weight that is trained; also of its gradient.
        frozen_bytes: Of one that is not.
        state_bytes: Optimizer states of one trained weight.
        compute_bytes: Of one activation.
        rows: Completions that are trained on at a time.
        sampled: Completions that are sampled at a time.
        tokens: Longest prompt and completion.
        completion: Longest completion.
        checkpointing: Whether activations are computed again in the backward pass.
        reference: Whether a second model is there for the KL term.
        packed_bytes: Of a frozen one in 4 or 8 bits; None where there is none.
        states_over: Processes among which gradients and optimizer states are divided.
        weights_over: Processes among which weights are.
        gathers: Whether all weights come together to sample, as with ZeRO-3 by default.
    """

    weight_bytes: int
    frozen_bytes: int
    state_bytes: float
    compute_bytes: int
    rows: int
    sampled: int
    tokens: int
    completion: int
    checkpointing: bool
    reference: bool = False
    packed_bytes: float | None = None
    states_over: int = 1
    weights_over: int = 1
    gathers: bool = False


@dataclass(frozen=True)
class Memory:
    """Bytes, by what they are for; training and sampling come one after the other."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    head: float
    cache: float
    cast: float = 0.0
    reference: float = 0.0
    gathered: float = 0.0

    @property
    def peak(self) -> float:
        """The larger of training and sampling, on top of what always stays."""
        training = self.gradients + self.cast + self.activations + self.head
        return self.weights + self.reference + self.optimizer + max(training, self.gathered + self.cache)


def estimate(shape: Shape, work: Work) -> Memory:
    """Add up what a run holds at once on one device.

    A layer keeps for its backward pass 8 vectors of its hidden width, 2 of its keys, and 4 of its MLP, as measured on
    Qwen2; in 16 bits also a float32 one before its norms, under autocast 3.5 of them. With checkpointing it keeps its
    input alone, and one layer's at a time are there. The head keeps tiles of logits, and where it is trained its
    gradient in float32; autocast keeps a copy of the trained weights in the narrow type, or of divided ones of what is
    in use.
    """
    autocast = work.compute_bytes < work.frozen_bytes
    tokens = work.rows * work.tokens
    wide = 14 if autocast else 4 if work.compute_bytes < 4 else 0
    vectors = (8 * shape.hidden + 2 * shape.keys + 4 * shape.intermediate) * work.compute_bytes
    layer = tokens * (vectors + wide * shape.hidden)
    kept = tokens * shape.hidden * (work.frozen_bytes if autocast else work.compute_bytes)
    full = shape.trained == shape.weights
    table = shape.vocabulary * shape.hidden
    in_use = (table + 2 * (shape.weights - table) / shape.layers) * work.compute_bytes
    whole = shape.trained * work.compute_bytes if autocast else 0.0
    tile = min(work.rows * work.completion, TOKENS) * min(shape.vocabulary, VOCABULARY) * work.compute_bytes
    packed = 0 if work.packed_bytes is None else shape.packed
    frozen = (shape.weights - shape.trained - packed) * work.frozen_bytes + packed * (work.packed_bytes or 0)
    return Memory(
        weights=(shape.trained * work.weight_bytes + frozen) / work.weights_over,
        gradients=shape.trained * work.weight_bytes / work.states_over,
        optimizer=shape.trained * work.state_bytes / work.states_over,
        activations=shape.layers * kept + layer if work.checkpointing else shape.layers * layer,
        head=tile + (4 * table if full else 0),
        cache=2 * shape.layers * shape.keys * work.compute_bytes * work.sampled * work.tokens,
        cast=whole if work.weights_over == 1 else in_use,
        reference=shape.weights * work.weight_bytes / work.weights_over if work.reference else 0.0,
        gathered=0.0 if work.weights_over == 1 else shape.weights * work.compute_bytes if work.gathers else in_use,
    )


def size(count: float) -> str:
    """Bytes for a person.

    >>> [size(n) for n in (760_000, 3.1e9, 123e9)]
    ['0.8 MB', '3.1 GB', '123 GB']
    """
    unit, factor = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
    return f"{count / factor:.{1 if count < 99.5 * factor else 0}f} {unit}"
