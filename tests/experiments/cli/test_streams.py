"""Failures of the output do not end a run, and error messages are one readable line."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from experiments.__main__ import main
from experiments.cli.streams import Stream
from tests.support.processes import ROOT, refused, start_command

pytestmark = pytest.mark.usefixtures("in_empty_folder")


def test_what_the_encoding_does_not_have_is_escaped():
    raw = io.BytesIO()
    stream = Stream(io.TextIOWrapper(raw, "ascii"))
    print("R² – ± \udce9", file=stream, flush=True)
    assert raw.getvalue() == b"R\\xb2 \\u2013 \\xb1 \\udce9\n"
    assert stream.encoding == "ascii" and not stream.isatty()


def test_a_reader_that_has_seen_enough(capfd):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        stream = Stream(pipe)
        for _ in range(3):
            print("x" * 100_000, file=stream, flush=True)
        Console(file=stream).print("rich ends the process where a pipe is closed")
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_behind_the_output(monkeypatch, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", Stream(full))
        for _ in range(3):
            print("x" * 100_000, flush=True)
        monkeypatch.undo()
    assert capsys.readouterr().err == (
        "warning: standard output: No space left on device; the rest of it is lost\n"
    )


@pytest.mark.parametrize("closed", ["", ">&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_not_taken_by_files(closed, tmp_path):
    program = """
import os, sys
from experiments.cli import streams
streams.protect()
with open("opened", "w") as file:
    assert file.fileno() > 2, file.fileno()
    print("R\\xb2", flush=True)
    print("R\\xb2", file=sys.stderr, flush=True)
    os.write(1, b"from C")
with open("done", "w"):
    pass
"""
    path = {"PYTHONPATH": str(ROOT), "PATH": os.environ["PATH"]}
    line = f'"{sys.executable}" -c "$PROGRAM" {closed}'
    subprocess.run(
        line, shell=True, cwd=tmp_path, env={**path, "PROGRAM": program}, capture_output=True, timeout=100
    )
    assert (tmp_path / "done").exists() and (tmp_path / "opened").read_text() == ""


def test_the_exit_of_a_process_whose_reader_has_gone(tmp_path):
    program = """
import sys
from experiments.cli import streams
streams.protect()
sys.stdin.read()
print("to nobody")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdin.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(100) == 0


# ---------------------------------------------------------------- messages


def test_long_messages_are_cut(capsys):
    refused(["xor", "--population-size", "9" * 100_000], capsys, "--population-size")
    refused(["x" * 5000], capsys, "experiment: must be one of")
    refused(["xor", "--" + "y" * 5000], capsys, "there is no such option")
    refused(["regression", "--formula", "x+" * 3000], capsys, "formula: ")
    refused(["xor", "--output", "z" * 5000], capsys, "File name too long")


def test_messages_hold_no_control_characters(capsys):
    refused(["xor", "--preset", "a\x1b[31m\x07\u202eb\udce9\nc"], capsys, "preset: must be one of")
    main(["xor", "--preset", "a\x1b[31m\x07\u202eb\udce9"])
    err = capsys.readouterr().err
    assert "\x1b" not in err and "a\\x1b[31m\\x07\\u202eb\\udce9" in err.replace("\\\\", "\\")


def test_a_terminal_that_is_not_utf_8_and_a_name_that_is_not_text(capsys):
    name = b"caf\xe9-\xc2\xb2"
    line = ["regression", "--runs", "2", "--generations", "2", "--population-size", "20", "--output", name]
    with start_command(*line, PYTHONIOENCODING="ascii", LANG="C") as process:
        out, err = process.communicate(timeout=100)
    assert (process.returncode, err) == (0, b"")
    assert b"test R\\xb2" in out and b"caf\\udce9-\\xb2: summary.csv" in out
    description = json.loads(Path(os.fsdecode(name), "run.json").read_text("utf-8"))
    assert "caf\udce9-²" in description["starts"][0]["command"]


def test_a_pipe_that_is_not_the_output(monkeypatch, capsys):
    def fail(*_):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")  # the pipe of a worker

    monkeypatch.setattr("experiments.runs.single.build_config", fail)
    refused(["xor"], capsys, "Broken pipe")


def test_an_error_has_the_same_message_on_a_terminal_without_utf_8(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "ascii"))
    assert main(["xor", "--innovation", "x"]) == 2
    assert capsys.readouterr().err == (
        "error: invalid choice 'x' for argument '--innovation'. "
        "Expected one of ('global', 'generation', 'pairing', 'hashed', 'unshared').\n"
    )
