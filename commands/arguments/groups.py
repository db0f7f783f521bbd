"""What each option is about, for help and for recipes that are written."""

import re
from dataclasses import fields

from trl import GRPOConfig, ModelConfig

from commands.arguments.settings import TrainArguments

# The first pattern that a whole name fits decides; what fits none of TRL's is about optimisation.
_PATTERNS = {
    "hub": r"(push_to_)?hub.*|log_completions_hub_repo",
    "logging": r"output_dir|(log|save|report|eval|trackio|run_name|project|disable_tqdm|sample_steps|saved_).*"
    r"|(per_device_eval|num_completions_to_print|include_|load_best|metric_|greater_|batch_eval|prediction_).*"
    r"|(skip_memory_metrics|num_generations_eval|resume|restore|ignore_data_skip|watchdog|enable_jit).*",
    "generation": r"(vllm_(?!importance)|use_vllm|num_generations$|max_completion|generation_|top_[pk]$|min_p).*"
    r"|(tools|allow_truncated|temperature|repetition|cache_impl|(use_)?transformers_|chat_template|max_tool|pad_to_multiple|ds3_gather).*",
    "method": r"(vllm_importance|beta$|num_iterations|epsilon|delta$|sapo|vespo|importance|reward|multi_objective).*"
    r"|(scale_re|loss_type|mask_trunc|sync_ref|ref_model|top_entropy|entropy|use_adaptive|off_policy|use_bias).*",
    "data": r"(data_seed|dataloader|remove_unused|label_names|train_sampling|length_column|shuffle_dataset).*",
    "machine": r"(use_cpu|bf16|fp16|tf32|torch_|use_liger|liger|ddp|fsdp|deepspeed|debug|local_rank|accelerator_"
    r"|parallelism|activation_|gradient_ch|use_cache|full_determinism|auto_find|do_).*",
    "model": r"(adapter$|model_init|trust_remote|router_aux|disable_dropout|cast_lm).*",
}
GROUPS = ("data", "model", "method", "generation", "optimisation", "logging", "hub", "machine")

# What a run shows, keeps and pushes, but not what it computes.
BESIDE = {
    "output_dir", "resume", "force", "resume_from_checkpoint", "save_steps", "save_strategy", "save_total_limit",
    "logging_steps", "sample_steps", "saved_prompts", "report_to", "run_name", "push_to_hub", "hub_model_id",
    "hub_strategy", "hub_private_repo", "disable_tqdm", "log_completions", "num_completions_to_print",
    "log_unique_prompts", "watchdog_minutes", "allow_truncated",
}  # fmt: skip


_OURS = {option.name for option in fields(TrainArguments)}
_TRL = {option.name for option in fields(GRPOConfig)}
_MODEL = {option.name for option in fields(ModelConfig)}


def group_of(option: str) -> str:
    """One of `GROUPS`.

    >>> [group_of(name) for name in ("dataset_name", "lora_r", "epsilon", "seed", "hub_model_id")]
    ['data', 'model', 'method', 'optimisation', 'hub']
    """
    for group, pattern in _PATTERNS.items():
        if re.fullmatch(pattern, option):
            return group
    if option in _MODEL:
        return "model"
    if option in _TRL or option == "prompts_per_step":
        return "optimisation"
    return "data" if option in _OURS and option != "method" else "method"
