"""The memory estimate of a run as it is shown: read off the model's configuration and the settings."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from trl import get_peft_config

from commands.arguments.settings import Settings
from commands.training.memory import Shape, Work, estimate, size


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
    shape = shape_of(config, get_peft_config(settings.model))
    memory = estimate(shape, work)
    checkpointed = "with checkpointing" if work.checkpointing else "without checkpointing"
    reference = f" + reference {size(memory.reference)}" if memory.reference else ""
    return [
        f"weights {size(memory.weights)}{reference} + optimizer {size(memory.optimizer)}, and then the larger of",
        f"training: gradients {size(memory.gradients)} + activations {size(memory.activations + memory.cast)} "
        f"({checkpointed}, rough) + head {size(memory.head)}",
        f"sampling: KV cache {size(memory.cache)} of {work.sampled} × {work.tokens:,} tokens"
        if work.sampled
        else f"sampling: {vllm_line(settings, shape, work, _device_memory(settings))}",
        f"about {size(memory.peak)} per process if nothing is sharded{_there(settings, memory.peak)}",
    ]


def vllm_line(settings: Settings, shape: Shape, work: Work, total: int | None) -> str:
    """What vLLM takes of each device that trains.

    Args:
        settings: Of the run.
        shape: The model's.
        work: With the longest prompt and completion.
        total: Bytes of a device; None where there is none to ask.
    """
    config = settings.trainer
    if config.vllm_mode == "server":
        return "by vLLM's server, which has devices of its own"
    share, parts = config.vllm_gpu_memory_utilization, config.vllm_tensor_parallel_size
    taken = f"by vLLM, which takes {share:.0%} of each device (--vllm_gpu_memory_utilization)"
    if total is None:
        return taken
    weights, token = shape.weights * 2 / parts, 2 * shape.layers * shape.keys * 2 / parts  # in 16 bits
    room = int(max(0, share * total - weights) // (token * work.tokens))
    told = f"{taken}, {size(share * total)}: weights {size(weights)}, and at most {room:,} × {work.tokens:,} tokens"
    return told if room else f"{told}: too little, raise it"


def _device_memory(settings: Settings) -> int | None:
    """Of the first accelerator, in bytes."""
    if settings.trainer.use_cpu or not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(0).total_memory


def _there(settings: Settings, needed: float) -> str:
    """What the device has, beside what is needed."""
    total, config = _device_memory(settings), settings.trainer
    if total is None:
        return ""
    shared = config.use_vllm and config.vllm_mode == "colocate" and not config.vllm_enable_sleep_mode
    if needed <= (0.9 - (config.vllm_gpu_memory_utilization if shared else 0)) * total:
        return f"; the device has {size(total)}{', with vLLM' if shared else ''}"
    return (
        f"; the device has {size(total)}{', with vLLM' if shared else ''}: likely too little. Lower "
        "--per_device_train_batch_size or --max_completion_length, keep --gradient_checkpointing, use --optim "
        "adamw_8bit or --use_peft"
    )
