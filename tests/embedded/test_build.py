from random import Random

import pytest

from data.arithmetic_corpus import example
from embedded.build import batches, build, build_tokenizer
from embedded.calibration import Sampled, by_length, share


@pytest.mark.slow
def test_the_same_seed_builds_the_same_files(tmp_path):
    for name in ("one", "two"):
        build(tmp_path / name, steps=2, seed=3)
    one, two = ({file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= set(one)


def test_only_the_completion_and_its_end_are_learned():
    tokenizer = build_tokenizer(Random(0))
    ids, labels = next(iter(batches(tokenizer, Random(1), steps=1)))
    assert ids.shape == labels.shape
    for row, label in zip(ids.tolist(), labels.tolist(), strict=True):
        learned = [i for i, target in enumerate(label) if target != -100]
        assert learned == list(range(learned[0], learned[-1] + 1))
        assert [row[i] for i in learned] == [label[i] for i in learned]
        assert tokenizer.decode(row[: learned[0]]).endswith("<|im_start|>assistant\n")
        assert row[learned[-1]] == tokenizer.eos_token_id
        assert set(row[learned[-1] + 1 :]) <= {tokenizer.pad_token_id}


def test_the_template_renders_a_system_turn_in_its_place():
    tokenizer = build_tokenizer(Random(0))
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 2+3*4?"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWhat is 2+3*4?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_corpus_is_the_same_for_the_same_seed():
    one, two = Random(5), Random(5)
    assert [example(one) for _ in range(50)] == [example(two) for _ in range(50)]


def test_thirds_of_length_are_taken_within_each_family():
    # Family b is longer throughout and always right: pooled over families the long third would look the best.
    a = [Sampled({"family": "a"}, [False] * 3, [10, 20, 30]) for _ in range(4)]
    b = [Sampled({"family": "b"}, [True] * 3, [110, 120, 130]) for _ in range(4)]
    assert [third.mean for third in by_length([*a, *b])] == [0.5, 0.5, 0.5]


def test_the_share_is_unbiased_for_fewer_samples():
    """Of 3 right in 4 samples, two drawn are both right in 3 of 6 pairs and one right in the other 3."""
    rows = [Sampled({}, [True, True, True, False], [1] * 4), Sampled({}, [False] * 4, [1] * 4)]
    assert [share(rows, [k], of=2) for k in range(3)] == [0.5, 0.25, 0.25]
