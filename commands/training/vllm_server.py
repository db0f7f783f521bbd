"""The server that samples for a run with `--vllm_mode server`: fit for it, or refused before weights are loaded.

TRL's own client waits for `--vllm_server_timeout` with the weights loaded, and for ever where a server accepts
connections and says nothing, or answers `/health` with an error.
"""

import socket
from functools import partial
from typing import Any

from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from commands.arguments.settings import Settings
from commands.terminal.console import say
from errors import UserError
from evaluation.http import RefusedError
from evaluation.vllm import answered, ask, plain_url, served_models


def vllm_window(settings: Settings) -> int | None:
    """How many tokens vLLM holds, prompt and completion together; None without it, or where the model decides.

    A server is asked by the main process, for 20 seconds at most; what it is refused for stops all of them.

    Raises:
        UserError: It is not there, or cannot sample for this run.
    """
    config = settings.trainer
    if not config.use_vllm or config.vllm_mode != "server":
        return config.vllm_max_model_length if config.use_vllm else None
    refusal, window, account = None, None, ""
    if PartialState().is_main_process:
        try:
            window, account = _asked(settings)
        except UserError as error:
            refusal = str(error)
    refusal, window = broadcast_object_list([refusal, window])
    if refusal:
        raise UserError(refusal)
    say(f"vllm      {account}")
    return window


def _asked(settings: Settings) -> tuple[int | None, str]:
    """The tokens that the server holds, and a line about it."""
    config = settings.trainer
    url = f"http://{config.vllm_server_host}:{config.vllm_server_port}"
    if config.vllm_server_base_url is not None:
        url = config.vllm_server_base_url = plain_url(config.vllm_server_base_url)  # TRL would ask for //health
    if not url.startswith(("http://", "https://")):
        raise UserError(f"--vllm_server_base_url begins with http:// or https://; found {url}.")
    told = f"--vllm_mode server needs at {url} a running vLLM server"
    way_out = (
        f"Start it beforehand, on other GPUs than those that train (trl vllm-serve --model {settings.model_name}; see "
        "docs/vllm.md), name another with --vllm_server_base_url, or leave --vllm_mode server out."
    )
    window, account = answered(told, way_out, partial(_questions, settings, url, told, way_out))
    _require_port(config.vllm_group_port)
    return window, account


def _questions(settings: Settings, url: str, told: str, way_out: str) -> tuple[int | None, str]:
    """Everything that TRL will ask for, and what it would only find out later."""
    _require_health(url, told, way_out)
    served = served_models(url)[0]
    _require_model(settings.model_name, served, told)
    try:
        info = ask(url, "/server_info?config_format=json")["vllm_config"]
        world = int(ask(url, "/get_world_size")["world_size"])
    except RefusedError as error:
        if error.code != 404:
            raise
        raise UserError(
            f"{told} that takes new weights; this one is a plain `vllm serve`, without the endpoints for that. "
            f"{way_out}"
        ) from error
    _require_configuration(settings, info, told, way_out)
    if world < 1:
        raise UserError(f"{told} with at least one worker that takes weights; it names {world}. {way_out}")
    window = served.get("max_model_len")
    holds = "" if window is None else f", {window:,} tokens"
    return window, f"{served['id']} at {url}: {world} worker{'s' if world > 1 else ''}{holds}"


def _require_health(url: str, told: str, way_out: str) -> None:
    try:
        ask(url, "/health")
    except RefusedError as error:
        if error.code >= 500:
            raise UserError(
                f"{told}; its engine is not well (/health answers {error.code}). Read its log, and start it again."
            ) from error
        raise UserError(f"{told}; something else listens there (/health answers {error.code}). {way_out}") from error
    except ValueError:
        pass  # vLLM answers with nothing but the status


def _require_model(name: str, served: dict[str, Any], told: str) -> None:
    """Refuse a server of another model; the last part of a name decides, since a folder may lie elsewhere there."""
    names = [str(served[key]) for key in ("id", "root") if served.get(key)]
    if not {name.rstrip("/").split("/")[-1]} & {one.rstrip("/").split("/")[-1] for one in names}:
        raise UserError(
            f"{told} of the model that is trained, {name}; found {names[-1]}. Start it with that model, or, where "
            f"only the weights differ, which are replaced before step 1, with --served-model-name {name}."
        )


def _require_configuration(settings: Settings, info: dict[str, Any], told: str, way_out: str) -> None:
    """Refuse a server that takes no weights over NCCL, or whose log-probabilities are of other probabilities."""
    backend = (info["weight_transfer_config"] or {}).get("backend")
    if backend != "nccl":
        raise UserError(
            f"{told} that takes new weights over NCCL; its --weight-transfer-config is {backend}. {way_out}"
        )
    mode = info["model_config"]["logprobs_mode"]
    if settings.trainer.vllm_importance_sampling_correction and mode != "processed_logprobs":
        raise UserError(
            f"{told} with --logprobs-mode processed_logprobs, of which importance ratios are formed; found {mode}. "
            "Start it with that option, or set --vllm_importance_sampling_correction false."
        )


def _require_port(port: int) -> None:
    """Refuse a port of this machine that is taken: the main process listens there for the server's workers."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise UserError(
                f"--vllm_group_port {port}, over which weights go to the server, must be free on this machine: "
                f"{error.strerror}. Name another."
            ) from error
