"""Engines that use vLLM: in this process, or a server that is running somewhere."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import repeat
from typing import Any

from errors import UserError
from evaluation._http import ask_json
from evaluation.sampling import Completion, Request, Sampling, prompt_ids
from evaluation.vllm_server import answered, plain_url, served_models
from evaluation.vllm_version import require_vllm

AT_ONCE = 256
"""Requests that vLLM gets at once; it schedules them itself."""


class VLLMEngine:
    """vLLM's offline engine.

    Args:
        model: Hub id or folder.
        tokenizer: Its tokenizer.
        batch_size: Requests given to it at once.
        settings: Of `vllm.LLM`: revision, dtype, …

    Raises:
        UserError: vLLM is not installed, or another than TRL works with.
    """

    repeatable = (
        "Samples have seeds of their own, but vLLM's probabilities depend on the batch a request happens to run in: a "
        "repetition gives mostly, not always, the same texts."
    )

    def __init__(self, model: str, tokenizer: Any, batch_size: int = AT_ONCE, **settings: Any):
        require_vllm("--engine vllm", "leave it out, or start a server elsewhere and name it with --server")
        import vllm

        self.batch_size, self._tokenizer = batch_size, tokenizer
        self._vllm, self._llm = vllm, vllm.LLM(model=model, **settings)

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests; vLLM forms the batches."""
        parameters = [
            self._vllm.SamplingParams(
                max_tokens=request.limit or sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                top_k=sampling.top_k or -1,
                stop=list(sampling.stop) or None,
                include_stop_str_in_output=True,
                seed=request.seed,
            )
            for request in requests
        ]
        ids = prompt_ids(self._tokenizer, [request.prompt for request in requests])
        prompts = [{"prompt_token_ids": row} for row in ids]
        outputs = self._llm.generate(prompts, parameters, use_tqdm=False)
        made = [output.outputs[0] for output in outputs]
        return [Completion(one.text, len(one.token_ids), one.finish_reason == "length") for one in made]


class ServerEngine:
    """A vLLM server by the completions protocol of OpenAI.

    Args:
        url: Of the server, without a path: `http://localhost:8000`.
        model: As the server calls it.
        tokenizer: The model's.
        batch_size: Requests under way at once.

    Raises:
        UserError: Nobody answers, or it serves other models.
    """

    repeatable = VLLMEngine.repeatable
    patience = 3600.0
    """Seconds that one completion may take."""

    def __init__(self, url: str, model: str, tokenizer: Any, batch_size: int = AT_ONCE):
        self._url, self._model, self.batch_size = plain_url(url), model, batch_size
        self._tokenizer = tokenizer
        told = f"--server {url} must be a running vLLM server (vllm serve {model})"
        way_out = "Start it, or leave --server out."
        served = [entry["id"] for entry in answered(told, way_out, partial(served_models, self._url))]
        if model not in served:
            raise UserError(f"--server {url} serves {', '.join(served)}; found --model {model}. Name one of these.")

    def complete(self, requests: Sequence[Request], sampling: Sampling) -> list[Completion]:
        """Complete requests, many at a time; the order of the answers is that of the requests."""
        ids = prompt_ids(self._tokenizer, [request.prompt for request in requests])
        with ThreadPoolExecutor(self.batch_size) as threads:
            return list(threads.map(self._one, ids, requests, repeat(sampling)))

    def _one(self, ids: list[int], request: Request, sampling: Sampling) -> Completion:
        body = {
            "model": self._model,
            "prompt": ids,
            "max_tokens": request.limit or sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "stop": list(sampling.stop) or None,
            "include_stop_str_in_output": True,
            "seed": request.seed,
            # The server would take what is left out from the checkpoint's own generation config.
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "min_p": 0.0,
        }
        try:
            answer = ask_json(f"{self._url}/v1/completions", body, timeout=self.patience)
            choice = answer["choices"][0]
            length = answer["usage"]["completion_tokens"]
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise UserError(
                f"the server at {self._url} did not complete a prompt: {error}. What was sampled is kept; give the "
                "same command again once it answers."
            ) from error
        return Completion(choice["text"], length, choice["finish_reason"] == "length")
