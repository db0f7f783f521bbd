"""A tiny real model and tokenizer, made in memory: no test needs the network or a GPU."""

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")  # spinning threads make shared cores 4-8x slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.pop("COLUMNS", None)  # which a test worker has set: the width is that of no terminal, unless a test says

from pathlib import Path

import pytest

# A suite that a script started in its background ignores Ctrl-C, and so would all processes that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real benchmark files, which lies beside the checkout where there is one."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the benchmark files in {SHARED}, which are not part of the project")
    return SHARED


@pytest.fixture(scope="session")
def tiny_tokenizer():
    from tests.tiny import tokenizer

    return tokenizer()


@pytest.fixture
def tiny_model(tiny_tokenizer):
    from tests.tiny import model

    return model(tiny_tokenizer)
