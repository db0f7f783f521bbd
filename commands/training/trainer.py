"""The method's trainer, with what a person sees and what is written while it works."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from accelerate.utils import DistributedType
from peft import PeftModel
from tqdm import tqdm
from transformers import PrinterCallback, ProgressCallback
from transformers.utils.logging import disable_progress_bar
from trl import get_peft_config, get_quantization_config
from trl.trainer.utils import create_model_from_path, get_callable_name
from typing_extensions import override

from commands.adapters import read_adapter
from commands.arguments.settings import Settings
from commands.terminal.console import Bar, MetricsTable, say, unbroken
from commands.terminal.output import terminal
from commands.terminal.samples import samples_table
from commands.training.problems import Task
from commands.training.recorder import Recorder, records_of
from commands.training.tool_rollout import tool_rollout
from errors import UserError
from evaluation.sandbox import Sandbox
from rewards import reward
from runs.folder import RunFolder
from trainers import METHODS, Generation, RolloutCallback, RolloutTrainer, strategy_of


def built_or_refused(settings: Settings, task: Task, run: RunFolder) -> RolloutTrainer:
    """The trainer; what TRL, transformers or PEFT refuse is told like any other wrong argument.

    Raises:
        UserError: One of them refused.
    """
    if Path(settings.model_name).is_dir():
        disable_progress_bar()  # nothing to download, so no bars
    try:
        trainer = _build(settings, task)
    except (ValueError, OSError, ImportError) as error:
        raise UserError(f"the trainer could not be built: {' '.join(str(error).split())}") from error
    disable_progress_bar()  # one for every checkpoint
    _keep_gradients_of_4_bit_layers(trainer.model)
    if strategy_of(settings.trainer) not in ("whole", "zero3"):
        # It is sampled from before training, which would bring it there.
        trainer.model.to(trainer.accelerator.device)  # type: ignore[union-attr]
    arguments, config = settings.arguments, settings.trainer
    if config.log_completions and config.num_completions_to_print is None:
        trainer.num_completions_to_print = 4  # TRL's table beside ours, and not of all
    for callback in (ProgressCallback, PrinterCallback):
        trainer.remove_callback(callback)
    if not config.disable_tqdm:
        trainer.add_callback(Bar)
    weighted = zip(arguments.reward_funcs, config.reward_weights or [], strict=True)
    counting = [get_callable_name(reward(name)) for name, weight in weighted if weight > 0]
    table = MetricsTable(hasattr(trainer, "own_reward"), counting)
    trainer.add_callback(table)
    trainer.add_callback(Recorder(run, arguments.saved_prompts))
    if arguments.sample_steps:
        trainer.add_callback(Samples(arguments.sample_steps, config.num_completions_to_print, table))
    return trainer


def keep_secrets(settings: Settings) -> None:
    """Leave tokens to the environment: the trainer would write them into training_args.bin."""
    config, given = settings.trainer, settings.trainer.model_init_kwargs
    token = given.pop("token", None) if isinstance(given, dict) else None
    token, config.hub_token = config.hub_token or token, None
    if token:
        os.environ["HF_TOKEN"] = token


class Samples(RolloutCallback):
    """A table of sampled completions every so many steps, from the first on.

    Args:
        every: Steps.
        limit: Completions in a table; None for four, of two prompts the best and the worst.
        metrics: The rows that go on below, under a header of their own.
    """

    def __init__(self, every: int, limit: int | None, metrics: MetricsTable):
        self.every, self.limit, self.metrics = every, limit or 4, metrics
        self._next = 0

    @override
    def on_generation(self, args: Any, state: Any, generation: Generation) -> None:
        if not state.is_world_process_zero or generation.step < self._next:
            return
        self._next = generation.step - generation.step % self.every + self.every
        with unbroken(), tqdm.external_write_mode():  # the bar steps aside
            terminal().print(samples_table(records_of(generation, 2), limit=self.limit), "")
        self.metrics.header_again()


def _build(settings: Settings, task: Task) -> RolloutTrainer:
    """The method's trainer with TRL's own model loading."""
    model, config = settings.model, settings.trainer
    given = dict(config.model_init_kwargs) if isinstance(config.model_init_kwargs, dict) else {}
    config.model_init_kwargs = {
        "dtype": model.dtype,
        "revision": model.model_revision,
        "attn_implementation": model.attn_implementation,
        **given,
    }
    trainer_class, _ = METHODS[settings.arguments.method]
    goes_on = settings.arguments.adapter is not None
    return trainer_class(
        model=_adapted(settings) if goes_on else settings.model_name,
        reward_funcs=[reward(name) for name in settings.arguments.reward_funcs],
        args=config,
        train_dataset=task.train,
        eval_dataset=task.held_out if config.eval_strategy != "no" else None,
        processing_class=task.tokenizer,
        peft_config=get_peft_config(model),
        quantization_config=None if goes_on else get_quantization_config(model),
        rollout_func=tool_rollout(walled_in().map) if settings.arguments.tools == "python" else None,
    )


def _keep_gradients_of_4_bit_layers(model: Any) -> None:
    """Keep bitsandbytes from packing 4-bit weights for inference, which it does on CPUs with avx512_bf16.

    It does so the first time a layer is read in evaluation mode, as measuring before training does. Read from packed
    weights a layer has no gradient for its input, so all adapters below the last layer would silently stop learning;
    and packing fails for widths that are no multiple of the block (64), and heights that are none of 32.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def _adapted(settings: Settings) -> Any:
    """The adapter that goes on, on its base as TRL would load it.

    Its reference for the KL term is the adapter as it begins: TRL keeps a frozen copy of it. That of a new adapter is
    the base.
    """
    config = settings.trainer
    given: dict[str, Any] = dict(config.model_init_kwargs or {})  # type: ignore[arg-type]
    config.model_init_kwargs = None
    if config.distributed_state.distributed_type in (DistributedType.MULTI_GPU, DistributedType.DEEPSPEED):
        given["device_map"] = None
    given.setdefault("trust_remote_code", config.trust_remote_code)
    quantization = get_quantization_config(settings.model)
    base = create_model_from_path(settings.model_name, quantization_config=quantization, **given)
    path = read_adapter(str(settings.arguments.adapter)).path
    try:
        return PeftModel.from_pretrained(base, path, is_trainable=True)
    except RuntimeError as error:  # of torch, where shapes differ
        raise ValueError(
            f"{path} does not fit {settings.model_name}: {str(error).splitlines()[-1].strip()}"
        ) from error


@cache
def walled_in() -> Sandbox:
    """Where the model's Python runs, in training and when it is measured; says how it is walled in.

    Raises:
        UserError: It cannot be walled in here.
    """
    sandbox = Sandbox()
    say(f"sandbox   {sandbox.describe()}")
    return sandbox
