"""What is checked with the weights loaded and before step 1: something learns, answers end, rewards can be called."""

import asyncio
import inspect
import re
from collections.abc import Sequence
from typing import Any

from accelerate.utils import broadcast_object_list
from trl.models import unwrap_model_for_generation

from commands.arguments.settings import Settings
from commands.terminal.console import say
from commands.training.problems import Task
from data import render_prompt
from errors import RewardError, UserError
from evaluation.engines import Completion, Request, Sampling, TransformersEngine, end_ids, sample_seed
from evaluation.tools import STOP
from rewards import REWARDS
from trainers import RolloutTrainer

SAMPLES = 4
LONGEST = 2048
"""Tokens of a sample: where training allows many more, waiting for all of them would take as long as a step."""
_ANSWER = "An answer."


def check_ready(settings: Settings, trainer: RolloutTrainer, task: Task) -> None:
    """Refuse a run that would train nothing, whose answers never end, or whose rewards fail; says what ends answers.

    Every process comes to the same end, and the random numbers of training stay as they are.

    Raises:
        UserError: What would go wrong, and the way out.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    require_trainable(model)
    said, doubt = ends_of(model, task.tokenizer)
    say(f"{'ends':9} {said}")
    if doubt:
        say(f"          warning: {doubt}")
    completions = sampled(settings, trainer, task)
    stopped = broadcast_object_list([sum(not completion.truncated for completion in completions)])[0]
    limit = min(settings.max_new_tokens, LONGEST)
    say(f"{'samples':9} {stopped} of {SAMPLES} completions of training prompts ended within {limit} tokens")
    if stopped == 0 and limit == settings.max_new_tokens and not settings.arguments.allow_truncated:
        cause = f" A likely cause: {doubt}" if doubt else ""
        raise UserError(
            f"none of {SAMPLES} completions ended within --max_completion_length {limit}, so every answer would be "
            f"cut off before it is graded.{cause} Raise --max_completion_length, or train a model that has learned to "
            "end its answers (an instruction-tuned one, with its own chat template). --allow_truncated goes on all "
            "the same."
        )
    try_rewards(settings, trainer, task, completions[0].text)


def trained_size(model: Any) -> int:
    """How many numbers the optimizer will change."""
    return sum(getattr(p, "ds_numel", p.numel()) for p in model.parameters() if p.requires_grad)


def require_trainable(model: Any) -> None:
    """Refuse a model whose weights are all frozen.

    Raises:
        UserError: Nothing of it requires a gradient.
    """
    if trained_size(model) == 0:
        raise UserError(
            "the model has no trainable parameters: all of its weights are frozen, so the optimizer would hold "
            "nothing and the run would change nothing. An adapter is loaded for training with is_trainable=True "
            "(PeftModel.from_pretrained); on the command line add --use_peft for a new one, --adapter to go on with "
            "one, or name a model into which the adapter is merged."
        )


def ends_of(model: Any, tokenizer: Any) -> tuple[str, str | None]:
    """Which tokens end a completion and which fills up, and what may be wrong with that.

    Returns:
        One line for the terminal, and a doubt as a sentence; None without one.

    Raises:
        UserError: Nothing could ever end a completion.
    """
    ends = end_ids(model, tokenizer)
    if not ends:
        raise UserError(
            "neither the model's generation config nor its tokenizer names an EOS token, so no completion could ever "
            "end: every one would be cut off. Set eos_token_id in generation_config.json, or eos_token in "
            "tokenizer_config.json."
        )
    named = ", ".join(f"{tokenizer.convert_ids_to_tokens(i)} ({i})" for i in ends)
    pad = tokenizer.pad_token_id
    said = f"a completion ends at {named}; padded with {tokenizer.convert_ids_to_tokens(pad)} ({pad})"
    end = template_end(tokenizer)
    if end is None or end in ends:
        return said, None
    return said, (
        f"the chat template ends an answer with {tokenizer.convert_ids_to_tokens(end)} ({end}), at which no "
        f"completion ends. Where the model has learned that token, add {end} to eos_token_id in its "
        "generation_config.json."
    )


def template_end(tokenizer: Any) -> int | None:
    """The special token that the chat template puts behind an answer; None without a template, or without one."""
    if tokenizer.chat_template is None:
        return None
    turns = [{"role": "user", "content": "A question?"}, {"role": "assistant", "content": _ANSWER}]
    text = tokenizer.apply_chat_template(turns, tokenize=False)
    _, answered, behind = text.rpartition(_ANSWER)
    if not answered:
        return None
    special = {*tokenizer.all_special_tokens, *tokenizer.get_added_vocab()}
    found = re.search("|".join(map(re.escape, sorted(special, key=len, reverse=True))) or r"\Z.", behind)
    return tokenizer.convert_tokens_to_ids(found[0]) if found else None


def sampled(settings: Settings, trainer: RolloutTrainer, task: Task) -> Sequence[Completion]:
    """Sample completions as training would, with seeds of their own."""
    args = trainer.args
    prompts = [render_prompt(task.train[place]["prompt"], task.tokenizer) for place in _places(task)]
    requests = [Request(text, sample_seed(args.seed, text, i)) for i, text in enumerate(prompts)]
    sampling = Sampling(
        min(settings.max_new_tokens, LONGEST),
        temperature=args.temperature,
        top_p=args.top_p,
        top_k=args.top_k,
        stop=(STOP,) if settings.arguments.tools == "python" else (),
    )
    gather = args.ds3_gather_for_generation
    with unwrap_model_for_generation(
        trainer.model_wrapped, trainer.accelerator, gather_deepspeed3_params=gather
    ) as model:
        return TransformersEngine(model, task.tokenizer, SAMPLES).complete(requests, sampling)


def _places(task: Task) -> list[int]:
    """Rows of the training problems that are sampled from, spread over all."""
    return [i * len(task.train) // SAMPLES for i in range(SAMPLES)]


def try_rewards(settings: Settings, trainer: RolloutTrainer, task: Task, text: str) -> None:
    """Call the user's own reward functions once, on a group of the first problem that was sampled from.

    One completion of the group is empty, as a model's may be; the others are the sampled text. The first process
    makes the call, and all processes are refused alike.

    Args:
        settings: Of the run.
        trainer: Its reward functions are called.
        task: Its first row gives prompt and columns.
        text: A sampled completion.

    Raises:
        RewardError: A function fails, or returns what is no reward.
    """
    names = settings.arguments.reward_funcs
    funcs = trainer.reward_funcs[len(trainer.reward_funcs) - len(names) :]  # behind a method's own
    own = [reward_func for name, reward_func in zip(names, funcs, strict=True) if name not in REWARDS]
    failed = None
    if own and trainer.accelerator.is_main_process:
        kwargs = _as_trl_calls(trainer, task.train[_places(task)[0]], text, settings.arguments.tools != "none")
        try:
            for reward_func in own:
                result = reward_func(**kwargs)  # type: ignore[operator]
                if inspect.isawaitable(result):
                    asyncio.run(_awaited(result))
        except RewardError as error:
            failed = (
                f"{error} It was tried before step 1, on sampled completions and an empty one; nothing was trained."
            )
    (failed,) = broadcast_object_list([failed])
    if failed:
        raise RewardError(failed)


def _as_trl_calls(trainer: RolloutTrainer, row: dict[str, Any], text: str, tools: bool) -> dict[str, Any]:
    """The keywords that TRL passes to a reward function for one group of this row."""
    size = trainer.args.num_generations or 2
    texts = [*[text] * (size - 1), ""]
    tokenizer: Any = trainer.processing_class
    chat = not isinstance(row["prompt"], str)
    columns = {name: [value] * size for name, value in row.items() if name not in ("prompt", "completion")}
    if tools:
        columns["model_text"] = texts
    return {
        **columns,
        "prompts": [row["prompt"]] * size,
        "completions": [[{"role": "assistant", "content": text}] for text in texts] if chat else texts,
        "completion_ids": [tokenizer(text)["input_ids"] for text in texts],
        "trainer_state": trainer.state,
        "log_extra": lambda column, values: None,
        "log_metric": lambda name, value: None,
    }


async def _awaited(result: Any) -> Any:
    return await result
