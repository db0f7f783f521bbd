"""An adapter into the weights of its base."""

from typing import Any

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from transformers import AutoModelForCausalLM

from commands.adapters import Adapter
from errors import UserError


def load_base(adapter: Adapter, dtype: Any, **arguments: Any) -> Any:
    """The whole weights of the base, on the CPU.

    Raises:
        UserError: They are stored in 4 or 8 bits.
    """
    model = AutoModelForCausalLM.from_pretrained(adapter.base, revision=adapter.revision, dtype=dtype, **arguments)
    if getattr(model.config, "quantization_config", None) is not None:
        raise UserError(
            f"{adapter.base} is stored in few bits, which an adapter cannot be merged into. Name the model that it "
            "was made from: --base MODEL."
        )
    return model


def on_base(adapter: Adapter, model: Any) -> PeftModel:
    """Put the adapter on its base.

    Raises:
        UserError: It does not fit.
    """
    try:
        return PeftModel.from_pretrained(model, adapter.path)
    except (RuntimeError, ValueError) as error:  # of torch, where shapes differ; of PEFT, where layers are missing
        told = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"the adapter {adapter.path} does not fit {adapter.base}: {told}") from error


def merge_into(model: PeftModel) -> Any:
    """Merge in place, and return the whole model; an embedding tied to the head is not if the adapter changes one."""
    whole: Any = model.get_base_model()
    config = whole.config.get_text_config()
    ends = (whole.get_input_embeddings(), whole.get_output_embeddings())
    if config.tie_word_embeddings and any(isinstance(end, BaseTunerLayer | AuxiliaryTrainingWrapper) for end in ends):
        head = getattr(ends[1], "base_layer", ends[1])
        if not isinstance(head, AuxiliaryTrainingWrapper):
            head.weight = torch.nn.Parameter(head.weight.detach().clone())
        config.tie_word_embeddings = whole.config.tie_word_embeddings = False
    return model.merge_and_unload(safe_merge=True)


def marks(model: Any) -> dict[str, int]:
    """A number for each tensor, the sum of its bits: what changes a weight changes it."""
    widths = {2: torch.int16, 4: torch.int32, 8: torch.int64}
    return {
        name: int(tensor.contiguous().view(widths.get(tensor.element_size(), torch.int8)).sum(dtype=torch.int64))
        for name, tensor in model.state_dict().items()
    }
