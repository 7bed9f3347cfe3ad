"""Valid and invalid CSV files, and the errors about them."""

import logging
import math
import os
import re
import threading

import numpy as np
import pytest

from experiments.tasks.csv_file import read_csv


def read(tmp_path, content, target="b", classes=False):
    path = tmp_path / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_csv(path, target, classes)


def refusal(tmp_path, content, target="b", classes=False):
    with pytest.raises(ValueError) as error:
        read(tmp_path, content, target, classes)
    message = str(error.value)
    assert len(message.splitlines()) == 1 and len(message) < 1000
    return message.removeprefix(f"{tmp_path / 'a.csv'}: ")


NUMBERS = {
    "1500": 1500, "-0.25": -0.25, "+5": 5, "1.5e3": 1500, "1E+3": 1000, "2.": 2, ".5": 0.5, "  7\t": 7, "1e-400": 0,
    '"3"': 3, "007": 7, "-0": 0, "3.4e38": 3.4e38,
}  # fmt: skip


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers(tmp_path, text):
    data = read(tmp_path, f"a,b\n{text},1\n2,{text}\n")
    assert data.features[0, 0] == data.target[1] == NUMBERS[text]


WORDS = [
    "1_000", "2020_01_01", "2020-01-01", "2020/1/1", "12:30", "١٢", "１２", "1٫5", "−5", "1,5", "1,000", "1 000",
    "1\u00a0000", "1'000", "0x10", "0b1", "1d5", "1e", "e5", ".", "-", "1.2.3", "1e5.5", "+-1", "5%", "$5", "True", "?",
    "NA", "None", "in f", "1j", "0" * 100_000 + "x",
]  # fmt: skip


@pytest.mark.parametrize("text", WORDS, ids=lambda text: text[:12])
@pytest.mark.parametrize("column", ["a", "b"])
def test_what_is_no_number(tmp_path, text, column):
    """Python's float accepts underscores and the digits of all scripts."""
    values = {"a": "1", "b": "2", column: f'"{text}"'}
    shown = re.escape(repr(text)) if len(text) < 40 else r"'0+\.\.\.0+x'"
    message = refusal(tmp_path, f"a,b\n1,2\n{values['a']},{values['b']}\n")
    expected = (
        f"line 3: column '{column}': must be a number, got {shown}; numbers look like 1500, -0.25 or 1.5e3"
    )
    assert re.fullmatch(expected, message)


@pytest.mark.parametrize("text", ["-nan", "inf", "-Infinity", "1e400", "-1e39", "1" + "0" * 50])
def test_what_is_not_finite(tmp_path, text):
    assert "line 2: column 'a': must be a finite float32, got '" in refusal(tmp_path, f"a,b\n{text},2\n")


@pytest.mark.parametrize("text", ["", "  ", '""'])
def test_empty_cells(tmp_path, text):
    message = "line 2: column 'a': must not be empty; --missing mean fills empty cells"
    for empty in (text, "nan", " NaN "):
        assert refusal(tmp_path, f"a,b\n{empty},2\n") == message
    assert refusal(tmp_path, f"a,b\n1,{text}\n") == "line 2: column 'b': must not be empty"


@pytest.mark.parametrize("empty", ["", "nan", " NaN "])
@pytest.mark.parametrize("classes", [False, True])
def test_an_empty_target(tmp_path, empty, classes):
    content = f"a,b\n1,0\n2,{empty}\n"
    assert refusal(tmp_path, content, classes=classes) == "line 3: column 'b': must not be empty"


SEPARATED = {
    "a;b;c\n1,5;2;3\n": ("semicolons", True, [[1.5, 3]], [2]),
    '"a";"b"\n"1,5";"2"\n': ("semicolons", True, [[1.5]], [2]),
    "price, EUR;b\n1;2\n": ("semicolons", False, [[1]], [2]),
    "\ufeffb ; a\n1.5;2\n": ("semicolons", False, [[2]], [1.5]),
    "\n\na;b\n-,5;+1,25e2\n": ("semicolons", True, [[-0.5]], [125]),
    "a\tb\tc\n1\t2\t3\n": ("tabs", False, [[1, 3]], [2]),
    "a, x\tb\n0,25\t2\n": ("tabs", True, [[0.25]], [2]),
    "a|b|c\n1|2|3\n": ("vertical bars", False, [[1, 3]], [2]),
}


@pytest.mark.parametrize("text", SEPARATED)
def test_separators_and_decimal_commas_are_detected_and_logged(tmp_path, text, caplog):
    caplog.set_level(logging.INFO, "experiments.data")
    name, commas, features, target = SEPARATED[text]
    data = read(tmp_path, text)
    assert data.features.tolist() == features and data.target.tolist() == target
    end = ", and numbers have decimal commas" if commas else ""
    assert caplog.messages == [f"{tmp_path / 'a.csv'}: {name} separate the columns{end}"]


def test_commas_are_not_worth_a_line(tmp_path, caplog):
    caplog.set_level(logging.INFO, "experiments.data")
    read(tmp_path, "a,b\n1.5,2\n")
    assert not caplog.messages


def test_decimal_points_and_commas_do_not_mix(tmp_path):
    comma = "line 3: column 'b': '2,5' has a decimal comma, but line 2 a decimal point"
    assert refusal(tmp_path, "a;b\n1.5;2\n1;2,5\n") == comma
    point = "line 4: column 'a': '1.5' has a decimal point, but line 2 a decimal comma"
    assert refusal(tmp_path, "a;b\n1,5;2\n3;4\n1.5;2\n") == point
    thousands = "line 2: column 'b': must be a number, got '1.234,5'; numbers look like"
    assert refusal(tmp_path, "a;b\n1;1.234,5\n").startswith(thousands)


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")])
def test_another_separator_under_a_header_with_commas_is_named(tmp_path, separator, name):
    for row in "1 2 3", "1,5 2 3", "1,5 2,5 3,5":
        message = refusal(tmp_path, "a,b,c\n7,8,9\n" + row.replace(" ", separator) + "\n")
        assert message == f"line 3: expected commas between the values, as in the header, found {name}"
    wrong = refusal(tmp_path, f"a,b,c\n1{separator}2\n")
    assert wrong == "line 2: expected 3 values, got 1"


def test_columns_without_a_number_are_text(tmp_path):
    data = read(tmp_path, "a,b,c\nu v,1,2\n ?,2,3\nu v,3,4\n")
    assert data.features.tolist() == [["u v", 2], ["?", 3], ["u v", 4]]
    assert data.names == ["a", "c"] and data.categories == {"a": ("?", "u v")}
    many = "".join(f"n{k},{k}\n" for k in range(9))
    message = "column 'a': has 9 different texts in 9 samples, too many to learn from; leave the column out"
    assert refusal(tmp_path, f"a,b\n{many}") == message
    late = refusal(tmp_path, "a,b\nu,1\n5,2\n")
    assert late.startswith("line 2: column 'a': must be a number, got 'u'; numbers look like")


@pytest.mark.parametrize("text", ["1,5", "-,5", "1,000", "1.000,5", "1,234,567.8", "1 000", "1'000,5"])
def test_numbers_in_another_notation_are_no_categories(tmp_path, text):
    rows = "".join(f'"{text}",{k}\n' for k in range(8))
    assert refusal(tmp_path, f"a,b\n{rows}") == (
        f"line 2: column 'a': must be a number, got {text!r}; numbers look like 1500, -0.25 or 1.5e3"
    )
    assert read(tmp_path, f"a,b\n{rows}u,9\n").categories == {"a": (text, "u")}


@pytest.mark.parametrize("text", ["1.2.3", "2024-01-01", "10.0.0.1", "5%", "12:30", "1,2,3"])
def test_texts_of_digits_are_categories(tmp_path, text):
    rows = "".join(f'"{text}",{k}\n' for k in range(8))
    assert read(tmp_path, f"a,b\n{rows}").categories == {"a": (text,)}


def test_empty_cells_that_are_filled(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("a,b,c\n1,2,u\n,3, \n")
    data = read_csv(path, "b", False, fills=True)
    assert data.features.tolist() == [[1, "u"], [None, None]]
    path.write_text("a,b,c\n1,2,u\nnan,3,NaN\n")
    assert read_csv(path, "b", False, fills=True).features.tolist() == [[1, "u"], [None, None]]
    path.write_text("a,b\n1,2\n,3\n")
    np.testing.assert_array_equal(read_csv(path, "b", False, fills=True).features, [[1], [np.nan]])
    path.write_text("a,b\n1,2\n3,\n")
    with pytest.raises(ValueError, match=r"line 3: column 'b': must not be empty$"):
        read_csv(path, "b", False, fills=True)


def test_a_semicolon_in_a_name_is_no_separator(tmp_path):
    data = read(tmp_path, '"x; y","tab\there",b|c\n1,2,3\n4,5,6\n', target="b|c")
    assert data.names == ["x; y", "tab\there"] and data.target.tolist() == [3, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("start", ["", "\ufeff", "\n\n"])
@pytest.mark.parametrize("last", [True, False])
def test_line_ends_and_byte_order_marks(tmp_path, end, start, last):
    text = start + end.join(["a,b", "1,2", "", "3,4"]) + end * last
    data = read(tmp_path, text)
    assert data.features.tolist() == [[1], [3]] and data.target.tolist() == [2, 4]


QUOTES = {
    'a,b\n1,2\n"3,4\n5,6\n7,8\n': "line 3: unexpected end of data; is a quotation mark missing or misplaced?",
    'a,b\n1,"2"3\n': "line 2: ',' expected after '\"'; is a quotation mark missing or misplaced?",
    'a,"b\n1,2\n': "line 1: unexpected end of data; is a quotation mark missing or misplaced?",
    'a,b\n"1' + "0" * 200_000: "line 2: field larger than field limit (131072); is a quotation mark missing",
}


@pytest.mark.parametrize("text", QUOTES, ids=lambda text: text[:20])
def test_quotes_that_do_not_match(tmp_path, text):
    assert refusal(tmp_path, text).startswith(QUOTES[text])


def test_a_cell_of_several_lines(tmp_path):
    data = read(tmp_path, 'a,b\n1,"u\nv"\n2,w\n', classes=True)
    assert data.target.tolist() == ["u\nv", "w"]
    assert refusal(tmp_path, 'a,b\n1,"u\nv"\nx,w\n', classes=True).startswith(
        "line 4: column 'a': must be a number"
    )
    assert (
        refusal(tmp_path, '"a\nz",b\n1,2\n', target="c")
        == "line 1: target: must be one of 'a\\nz', b, got 'c'"
    )


ENCODINGS = {
    b"a,b\n1,2\n3\x00,4\n": "line 3: holds a NUL character; the file must be UTF-8 text",
    "a,b\n1,2\n".encode("utf-16-le"): "line 1: holds a NUL character; the file must be UTF-8 text",
    "a,b\n1,2\n".encode("utf-16"): "must be UTF-8 text (in a spreadsheet, save it as CSV UTF-8)",
    "größe,b\n1,2\n".encode("latin-1"): "must be UTF-8 text (in a spreadsheet, save it as CSV UTF-8)",
}


@pytest.mark.parametrize("content", ENCODINGS)
@pytest.mark.parametrize("classes", [False, True])
def test_other_encodings(tmp_path, content, classes):
    assert refusal(tmp_path, content, classes=classes) == ENCODINGS[content]


def test_another_encoding_after_many_lines(tmp_path):
    content = b"a,b\n" + b"1,2\n" * 10_000 + b"1,\xff\n"
    assert refusal(tmp_path, content).startswith("must be UTF-8 text")


HEADERS = {
    "a, a ,b\n1,2,3\n": "line 1: there are two columns 'a'",
    "a,b,\n1,2,\n": "line 1: column 3 has no name",
    " , \n1,2\n": "line 1: expected a header, found nothing",
    "a,b\n": "line 1: expected samples after the header, found none",
    "\n\na,b\n\n": "line 3: expected samples after the header, found none",
    "1,-2e3,.5\n1,2,3\n": "line 1: expected a header with the columns' names, got numbers",
    "b\n1\n": "line 1: expected a feature beside the target, got one column",
    "a,b\n1,2,3\n": "line 2: expected 2 values, got 3",
}


@pytest.mark.parametrize("text", HEADERS)
def test_headers(tmp_path, text):
    assert refusal(tmp_path, text) == HEADERS[text]


def test_a_wide_header_is_not_listed_whole(tmp_path):
    names = ",".join([*(f"measure{k}" for k in range(5000)), "price"])
    message = refusal(tmp_path, f"{names}\n", target="pirce")
    assert message.startswith("line 1: target: must be one of price, ")
    assert message.endswith(" and 4981 others, got 'pirce'")


def test_names_of_classes(tmp_path):
    data = read(tmp_path, "a,b\n1,1_000\n2, ١٢ \n", classes=True)
    assert data.target.tolist() == ["1_000", "١٢"]
    message = refusal(tmp_path, f"a,b\n1,{'x' * 257}\n", classes=True)
    assert message.startswith(
        "line 2: column 'b': a class's name must have at most 256 characters, got 257: 'xxx"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe(tmp_path):
    """A pipe cannot be read twice."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a,b\n1,2\n",))
    writer.start()
    data = read_csv(pipe, "b", False)
    writer.join(10)
    assert data.target.tolist() == [2] and not writer.is_alive()


def test_numbers_come_back_as_they_were_written(tmp_path):
    values = np.random.default_rng(0).normal(size=200) * 10.0 ** np.arange(-37, 37).repeat(3)[:200]
    data = read(tmp_path, "a,b\n" + "\n".join(f"{value!r},{math.pi!r}" for value in values.tolist()))
    assert (data.features[:, 0] == values).all() and (data.target == math.pi).all()
