"""How a model is asked: programs with a mathematical question, worded as in training."""

import json
from pathlib import Path
from typing import Any

import datasets

from commands.cards.subject import Subject
from data import as_text, build_prompts
from data.arithmetic import problems
from pages import block, span

QUESTION = "What is the remainder when $7^{100}$ is divided by 5?"
TRANSFORMERS = """\
from transformers import AutoTokenizer, {loader}

name = {name}
tokenizer = AutoTokenizer.from_pretrained(name)
model = {loader}.from_pretrained(name, dtype="auto", device_map="auto")
{prompt}
output = model.generate(**inputs.to(model.device), max_new_tokens={tokens}, do_sample=False)
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))"""
PEFT = TRANSFORMERS.replace("AutoTokenizer, {loader}", "AutoTokenizer", 1).replace(
    "from transformers", "from peft import {loader}\nfrom transformers", 1
)
VLLM = """\
from vllm import LLM, SamplingParams

llm = LLM({name})
{prompt}
print(llm.{ask}(prompt, SamplingParams(temperature=0, max_tokens={tokens}))[0].outputs[0].text)"""
VLLM_ADAPTER = """\
from vllm import LLM, SamplingParams
from vllm.lora.request import LoRARequest

llm = LLM({base}, enable_lora=True, max_lora_rank={rank})
{prompt}
adapter = LoRARequest("adapter", 1, {name})
answers = llm.{ask}(prompt, SamplingParams(temperature=0, max_tokens={tokens}), lora_request=adapter)
print(answers[0].outputs[0].text)"""


def usage(subject: Subject) -> str:
    """Programs for transformers (with PEFT for an adapter) and vLLM; "" before there is a model."""
    asked = subject.record.get("prompt")
    if not subject.there or not asked:
        return ""
    question = problems(1, split="held_out")[0]["problem"] if _does_sums(subject) else QUESTION
    row = datasets.Dataset.from_list([{"problem": question}])
    messages = build_prompts(row, asked["style"], system=asked["system"])["prompt"][0]
    chat = _has_template(subject.model)
    prompt = f"prompt = {_written(messages if chat else as_text(messages))}"
    inputs = (
        "tokenizer.apply_chat_template(\n    prompt, add_generation_prompt=True, return_dict=True, "
        'return_tensors="pt"\n)'
        if chat
        else 'tokenizer(prompt, return_tensors="pt")'
    )
    fields: dict[str, Any] = {
        "name": json.dumps(subject.repository or subject.model.name),
        "tokens": asked["max_new_tokens"],
        "ask": "chat" if chat else "generate",
        "loader": "AutoPeftModelForCausalLM" if subject.adapter else "AutoModelForCausalLM",
    }
    vllm = VLLM
    if subject.adapter:
        config = json.loads((subject.model / "adapter_config.json").read_text(encoding="utf-8"))
        base = json.dumps(subject.base.get("hub_id") or subject.base_name)
        vllm, fields = VLLM_ADAPTER, {**fields, "base": base, "rank": config.get("r", 16)}
    local = "" if subject.repository else f"{span(subject.model.name)} is the folder beside this page.\n\n"
    first = (PEFT if subject.adapter else TRANSFORMERS).format(prompt=f"{prompt}\ninputs = {inputs}", **fields)
    return f"{local}{block(first, 'python')}\n\nWith vLLM:\n\n{block(vllm.format(prompt=prompt, **fields), 'python')}"


def _does_sums(subject: Subject) -> bool:
    return subject.data.get("name") == "arithmetic" or subject.record.get("model") == "embedded"


def _has_template(model: Path) -> bool:
    config = model / "tokenizer_config.json"
    written = config.is_file() and "chat_template" in json.loads(config.read_text(encoding="utf-8"))
    return written or (model / "chat_template.jinja").is_file()


def _written(prompt: str | list[dict[str, str]]) -> str:
    """As Python, a message to a line."""
    if isinstance(prompt, str):
        return json.dumps(prompt, ensure_ascii=False)
    return "[\n" + "".join(f"    {json.dumps(message, ensure_ascii=False)},\n" for message in prompt) + "]"
