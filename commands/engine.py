"""The engine that a command samples with, made when the first sample is needed."""

from argparse import Namespace
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from accelerate import PartialState
from transformers import AutoModelForCausalLM
from transformers.utils.logging import disable_progress_bar

from commands.processes import require_processes
from commands.prompts import ModelFiles
from errors import UserError
from evaluation.engines import Engine, ServerEngine, TransformersEngine, VLLMEngine


def started(parse: Callable[[Sequence[str]], Namespace], argv: Sequence[str]) -> tuple[PartialState, Namespace]:
    """The processes that take part, and what was asked of them.

    Raises:
        UserError: The arguments are wrong, or the processes not as many as the launcher was asked for.
    """
    state = PartialState(cpu=not torch.accelerator.is_available())  # without the word, each process thinks it is alone
    options = parse(argv)
    require_processes(state)
    if options.embedded and state.device.type == "cpu":
        torch.set_num_threads(1)  # too small a model to share; `accelerate launch` asks for every core
    return state, options


def engine_maker(options: Namespace, files: ModelFiles, tokenizer: object) -> Callable[[], Engine]:
    """Return a function that loads the model the first time it is called.

    Args:
        options: With `engine`, `server`, `batch_size` and `dtype`.
        files: The model's.
        tokenizer: Its tokenizer.
    """

    @cache
    def make() -> Engine:
        if files.adapter is not None and (options.server or options.engine == "vllm"):
            raise UserError(
                f"--model {files.name} is an adapter, which --engine transformers samples with. For vLLM make a whole "
                f"model of it first: python cli.py merge {files.name}."
            )
        if options.server:
            return ServerEngine(options.server, files.name, tokenizer, options.batch_size)
        if options.engine == "vllm":
            settings = {"revision": files.revision, "trust_remote_code": files.trust_remote_code}
            return VLLMEngine(files.name, tokenizer, options.batch_size, dtype=options.dtype, **settings)
        disable_progress_bar()
        with files.opened() as arguments:
            if files.adapter is not None:
                model: Any = files.adapter.on_base(options.dtype, trust_remote_code=files.trust_remote_code)
            else:
                model = AutoModelForCausalLM.from_pretrained(files.name, dtype=options.dtype, **arguments)
        return TransformersEngine(model.to(PartialState().device), tokenizer, options.batch_size)

    return make
