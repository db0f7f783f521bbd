import csv
import json
from pathlib import Path

import datasets
import pytest

from data import DATASETS, DataError, load_problems

ROWS = [{"problem": "1+1?", "answer": "2"}, {"problem": "1+2?", "answer": "3"}]


@pytest.fixture
def table():
    return datasets.Dataset.from_list(ROWS)


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def answers(problems) -> list[str]:
    return problems.dataset["answer"][:]


def test_jsonl(tmp_path):
    problems = load_problems(write(tmp_path / "a.jsonl", lines(*ROWS) + "\n"))
    assert answers(problems) == ["2", "3"]
    assert problems.source == str(tmp_path / "a.jsonl")


def test_every_format_gives_the_same_problems(tmp_path, table):
    write(tmp_path / "a.jsonl", lines(*ROWS))
    write(tmp_path / "a.json", json.dumps(ROWS))
    write(tmp_path / "b.json", json.dumps({"version": 1, "data": ROWS}))
    write(tmp_path / "c.json", lines(*ROWS))  # lines under the wrong name
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.DictWriter(file, ["problem", "answer"]).writerows([{"problem": "problem", "answer": "answer"}, *ROWS])
    table.to_parquet(tmp_path / "a.parquet")
    table.save_to_disk(str(tmp_path / "saved"))
    datasets.DatasetDict({"test": table.select([0]), "train": table}).save_to_disk(str(tmp_path / "dict"))
    names = ["a.jsonl", "a.json", "b.json", "c.json", "a.csv", "a.parquet", "saved", "dict"]
    assert len({load_problems(str(tmp_path / name)).fingerprint for name in names}) == 1


def test_a_csv_cell_stays_text(tmp_path):
    name = write(tmp_path / "a.csv", 'problem,answer\n"1, 2 or 3?",0.50\n7?,007\n')
    assert answers(load_problems(name)) == ["0.50", "007"]


def test_rows_may_differ_in_keys_and_types(tmp_path):
    rows = [
        {"problem": "P", "answer": 2, "note": "n"},
        {"problem": "Q", "answer": "1/2"},
        {"problem": "R", "answer": 2**100},
    ]
    problems = load_problems(write(tmp_path / "a.jsonl", lines(*rows)))
    assert answers(problems) == ["2", "1/2", str(2**100)]
    assert problems.dataset["note"][:] == ["n", None, None]


def test_a_line_separator_inside_a_text_is_text(tmp_path):
    row = json.dumps({"problem": "a\u2028b", "answer": "1"}, ensure_ascii=False)
    assert load_problems(write(tmp_path / "a.jsonl", row + "\r\n")).dataset["problem"][0] == "a\u2028b"


def test_a_split_is_chosen(tmp_path, table):
    datasets.DatasetDict({"train": table, "test": table.select([1])}).save_to_disk(str(tmp_path / "dict"))
    assert answers(load_problems(str(tmp_path / "dict"), split="test")) == ["3"]
    (tmp_path / "hub" / "test").mkdir(parents=True)
    table.to_parquet(tmp_path / "hub" / "train-00000.parquet")
    table.select([1]).to_parquet(tmp_path / "hub" / "test" / "0000.parquet")
    assert answers(load_problems(str(tmp_path / "hub"))) == ["2", "3"]
    assert answers(load_problems(str(tmp_path / "hub"), split="test")) == ["3"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", '{"problem": "P"}\n\n{"problem": \n', r"a\.jsonl, line 3, column \d+: not valid JSON"),
        ("a.jsonl", "[1]\n", r"a\.jsonl, line 1: a row must be a JSON object .* met list"),
        ("a.jsonl", "", "has no rows"),
        ("a.json", '[\n{"problem": }\n]', r"a\.json, line 2, column \d+: not valid JSON"),
        ("a.json", '{"problem": "P", "answer": "1"}', "must hold a list of objects"),
        ("a.json", "[1, 2]", "must hold a list of objects"),
        ("a.csv", "problem,answer\n1, 2 or 3?,4\n", r"a\.csv, line 2: more or fewer cells"),
        ("a.csv", "problem,answer\n", "has no rows"),
        ("a.parquet", "not parquet", "cannot be read as .parquet"),
        ("a.txt", "P", r"ends in one of \.jsonl, \.json, \.csv, \.parquet, met .*a\.txt"),
    ],
)
def test_a_bad_file_is_named_with_the_place(tmp_path, name, content, message):
    with pytest.raises(DataError, match=message) as error:
        load_problems(write(tmp_path / name, content))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_utf8_is_named(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b'{"problem": "\xff"}\n')
    with pytest.raises(DataError, match=r"a\.jsonl must be UTF-8 text, but its byte \d+ is not"):
        load_problems(str(tmp_path / "a.jsonl"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("arithmatic", "Did you mean 'arithmetic'?"),
        ("GSM8k", "Did you mean 'gsm8k'?"),
        ("{folder}/trian.jsonl", "Did you mean 'train.jsonl'?"),
        ("{folder}/nowhere/train.jsonl", "there is no folder"),
        ("./math.jsonl", "--dataset_name must be one of arithmetic, math"),
    ],
)
def test_a_name_that_is_nothing_gets_a_suggestion(tmp_path, name, hint):
    write(tmp_path / "train.jsonl", lines(*ROWS))
    with pytest.raises(DataError) as error:
        load_problems(name.format(folder=tmp_path))
    assert hint in str(error.value)


def test_a_folder_without_a_data_set_is_told_what_it_holds(tmp_path, table):
    write(tmp_path / "notes.txt", "x")
    with pytest.raises(DataError, match=r"holds notes\.txt"):
        load_problems(str(tmp_path))
    datasets.DatasetDict({"train": table}).save_to_disk(str(tmp_path / "dict"))
    with pytest.raises(DataError, match="no split 'test'; choose one of train"):
        load_problems(str(tmp_path / "dict"), split="test")


def test_an_option_that_does_not_apply_is_refused(tmp_path, table):
    table.save_to_disk(str(tmp_path / "saved"))
    name = write(tmp_path / "a.jsonl", lines(*ROWS))
    for options in ({"split": "test"}, {"config": "main"}):
        with pytest.raises(DataError, match=f"--dataset_{next(iter(options))}"):
            load_problems(name, **options)
    with pytest.raises(DataError, match="--dataset_split"):
        load_problems(str(tmp_path / "saved"), split="test")
    with pytest.raises(DataError, match="--dataset_config"):
        load_problems("arithmetic", config="main")


@pytest.mark.parametrize("name", ["somebody/something", "gsm8k", "math", "math500"])
def test_without_the_hub_the_way_out_is_told(monkeypatch, name):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DataError) as error:
        load_problems(name)
    message = str(error.value)
    assert "HF_HUB_OFFLINE" in message
    assert ".jsonl" in message
    assert "\n" not in message


def test_arithmetic_needs_no_network_and_holds_its_test_problems_out():
    train, test = load_problems("arithmetic"), load_problems("arithmetic", split="test")
    assert (len(train.dataset), len(test.dataset)) == (2000, 400)
    assert not set(train.dataset["problem"]) & set(test.dataset["problem"])
    assert load_problems("arithmetic").fingerprint == train.fingerprint
    with pytest.raises(DataError, match="'validation'"):
        load_problems("arithmetic", split="validation")


def test_the_registry_is_what_the_documentation_names():
    assert list(DATASETS) == ["arithmetic", "math", "math500", "gsm8k"]


@pytest.mark.shared
@pytest.mark.parametrize(("name", "rows"), [("gsm8k_train", 7473), ("math_train", 7500), ("math500", 500)])
def test_real_files_map_whole(shared_data, name, rows):
    problems = load_problems(str(shared_data / "benchmarks" / f"{name}.jsonl"))
    assert len(problems.dataset) == rows
    assert problems.dropped == ()
    assert problems.mapping == ("problem <- problem (as it stands)", "answer <- answer (as it stands)")
    assert {"id", "solution"} <= set(problems.dataset.column_names)


@pytest.mark.shared
@pytest.mark.parametrize(("name", "differing"), [("gsm8k_train", 0), ("math_train", 2), ("math500", 0)])
def test_solutions_of_real_files_state_their_answers(shared_data, name, differing):
    # The two rows of MATH have an empty box, and their answer comes from elsewhere (see their `note`).
    path = str(shared_data / "benchmarks" / f"{name}.jsonl")
    given = load_problems(path)
    read = load_problems(path, answer_column="solution")
    found = dict(zip(read.dataset["row"], read.dataset["answer"], strict=True))
    pairs = list(zip(given.dataset["row"], given.dataset["answer"], strict=True))
    assert sum(found.get(row) != answer for row, answer in pairs) == differing
    assert len(read.dropped) == differing


@pytest.mark.shared
def test_math_and_math500_share_no_problem(shared_data):
    texts = [
        set(load_problems(str(shared_data / "benchmarks" / f"{name}.jsonl")).dataset["problem"])
        for name in ("math_train", "math500")
    ]
    assert not texts[0] & texts[1]
