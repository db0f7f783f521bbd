"""How much memory of one device a run will need, from the model's configuration and the settings, before any weights.

Weights, gradients and optimizer states are counted, for one process that shards nothing. Activations are a rule of
thumb for decoder layers with a gated MLP and fused attention; what an allocator wastes is not in it.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from trl import get_peft_config

from commands.arguments.settings import Settings

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
    """

    weights: int
    trained: int
    hidden: int
    intermediate: int
    layers: int
    keys: int
    vocabulary: int


@dataclass(frozen=True)
class Work:
    """What of the settings does.

    Attributes:
        weight_bytes: Of one weight that is trained; also of its gradient.
        frozen_bytes: Of one that is not; half a byte in 4 bits.
        state_bytes: Optimizer states of one trained weight.
        compute_bytes: Of one activation.
        rows: Completions that are trained on at a time.
        sampled: Completions that are sampled at a time.
        tokens: Longest prompt and completion.
        completion: Longest completion.
        checkpointing: Whether activations are computed again in the backward pass.
        reference: Whether a second model is there for the KL term.
    """

    weight_bytes: int
    frozen_bytes: float
    state_bytes: float
    compute_bytes: int
    rows: int
    sampled: int
    tokens: int
    completion: int
    checkpointing: bool
    reference: bool = False


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

    @property
    def peak(self) -> float:
        """The larger of training and sampling, on top of what always stays."""
        training = self.gradients + self.cast + self.activations + self.head
        return self.weights + self.reference + self.optimizer + max(training, self.cache)


def estimate(shape: Shape, work: Work) -> Memory:
    """Add up what a run holds at once on one device.

    A layer keeps for its backward pass about 8 vectors of its hidden width, 2 of its keys and values, and 4 of its
    MLP; with checkpointing its input alone, and one layer's at a time. The head keeps tiles of logits, and where it is
    trained its gradient in float32; autocast keeps a copy of the weights in the narrow type.
    """
    tokens = work.rows * work.tokens
    layer = tokens * (8 * shape.hidden + 2 * shape.keys + 4 * shape.intermediate) * work.compute_bytes
    kept = tokens * shape.hidden * work.compute_bytes
    full = shape.trained == shape.weights
    tile = min(work.rows * work.completion, TOKENS) * min(shape.vocabulary, VOCABULARY) * work.compute_bytes
    return Memory(
        weights=shape.trained * work.weight_bytes + (shape.weights - shape.trained) * work.frozen_bytes,
        gradients=shape.trained * work.weight_bytes,
        optimizer=shape.trained * work.state_bytes,
        activations=shape.layers * kept + layer if work.checkpointing else shape.layers * layer,
        head=tile + (4 * shape.vocabulary * shape.hidden if full else 0),
        cache=2 * shape.layers * shape.keys * work.compute_bytes * work.sampled * work.tokens,
        cast=shape.weights * work.compute_bytes if work.compute_bytes < work.weight_bytes else 0.0,
        reference=shape.weights * work.weight_bytes if work.reference else 0.0,
    )


def shape_of(config: Any, peft_config: Any = None) -> Shape:
    """Build the model without memory for its weights, and count.

    Args:
        config: Of transformers.
        peft_config: Of the adapter that is trained in its place.
    """
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config)
        if peft_config is not None:
            from peft import get_peft_model

            model = get_peft_model(model, peft_config)
    text = config.get_text_config()
    heads = text.num_attention_heads
    width = getattr(text, "head_dim", None) or text.hidden_size // heads
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return Shape(
        weights=sum(size for size, _ in sizes),
        trained=sum(size for size, trained in sizes if trained),
        hidden=text.hidden_size,
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        layers=text.num_hidden_layers,
        keys=(getattr(text, "num_key_value_heads", None) or heads) * width,
        vocabulary=text.vocab_size,
    )


def work_of(settings: Settings, longest_prompt: int) -> Work:
    """Read off the settings what decides memory."""
    config, model = settings.trainer, settings.model
    half = model.dtype in ("bfloat16", "float16", "auto")
    weight = 2 if half else 4
    frozen = 0.5 if model.load_in_4bit else 1 if model.load_in_8bit else weight
    if model.use_peft and model.load_in_4bit:
        weight = 4  # of the adapter
    completion = settings.max_new_tokens
    return Work(
        weight_bytes=weight,
        frozen_bytes=frozen,
        state_bytes=_state_bytes(str(getattr(config.optim, "value", config.optim)), weight),
        compute_bytes=2 if config.bf16 or config.fp16 or half else 4,
        rows=config.per_device_train_batch_size,
        sampled=0 if config.use_vllm else config.per_device_train_batch_size * (config.steps_per_generation or 1),
        tokens=longest_prompt + completion,
        completion=completion,
        checkpointing=bool(config.gradient_checkpointing),
        reference=config.beta != 0 and not model.use_peft,
    )


def _state_bytes(optimizer: str, weight: int) -> float:
    """Of the states for one weight: two of its own type with Adam."""
    if "adafactor" in optimizer or optimizer == "sgd":
        return 0.0
    if "8bit" in optimizer:
        return 2.0
    return weight if "lion" in optimizer else 2 * weight


def memory_lines(settings: Settings, longest_prompt: int) -> list[str]:
    """Lines for the terminal: the estimate, and whether it fits the device there is.

    Args:
        settings: Of the run.
        longest_prompt: In tokens.
    """
    config = AutoConfig.from_pretrained(
        settings.model_name,
        revision=settings.model.model_revision,
        trust_remote_code=settings.trainer.trust_remote_code,
    )
    work = work_of(settings, longest_prompt)
    memory = estimate(shape_of(config, get_peft_config(settings.model)), work)
    checkpointed = "with checkpointing" if work.checkpointing else "without checkpointing"
    reference = f" + reference {size(memory.reference)}" if memory.reference else ""
    return [
        f"weights {size(memory.weights)}{reference} + optimizer {size(memory.optimizer)}, and then the larger of",
        f"training: gradients {size(memory.gradients)} + activations {size(memory.activations + memory.cast)} "
        f"({checkpointed}, rough) + head {size(memory.head)}",
        f"sampling: KV cache {size(memory.cache)} of {work.sampled} × {work.tokens:,} tokens"
        if work.sampled
        else "sampling: by vLLM, which takes its own",
        f"about {size(memory.peak)} per process if nothing is sharded{_there(settings, memory.peak)}",
    ]


def size(count: float) -> str:
    """Bytes for a person.

    >>> [size(n) for n in (760_000, 3.1e9, 123e9)]
    ['0.8 MB', '3.1 GB', '123 GB']
    """
    unit, factor = ("GB", 1e9) if count >= 1e9 else ("MB", 1e6)
    return f"{count / factor:.{1 if count < 99.5 * factor else 0}f} {unit}"


def _there(settings: Settings, needed: float) -> str:
    """What the device has, beside what is needed."""
    if settings.trainer.use_cpu or not torch.cuda.is_available():
        return ""
    total = torch.cuda.get_device_properties(0).total_memory
    if needed <= 0.9 * total:
        return f"; the device has {size(total)}"
    return (
        f"; the device has {size(total)}: likely too little. Lower --per_device_train_batch_size or "
        "--max_completion_length, keep --gradient_checkpointing, use --optim adamw_8bit or --use_peft"
    )
