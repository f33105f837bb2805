"""What goes wrong at the command line is told in a sentence: where, what, what was meant. Never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner, Result

from personalize.cli import main

CONFIG = """\
version: 1
segments:
  back: {label: "Ürünler ✓", all: [{visits: {gte: 2}}]}
goals:
  order: {event: Order Completed}
slots:
  hero:
    match: {path: "/"}
    experiences:
      - {id: winter, when: back, show: {html: "Kış"}}
      - id: split
        experiment: {key: k, allocate: thompson, goal: order, variants: [{id: a, html: A}, {id: b, html: B}]}
"""
READERS = {
    "check": "check {0}", "explain": "explain {0} /", "export": "export segment back {0}", "identity": "identity {0}",
    "copy-store": "copy-store {0} sqlite:///copy.db", "rebuild": "rebuild {0}", "report": "report {0}",
    "bandit": "bandit {0}", "pause": "pause {0} winter", "resume": "resume {0} winter", "history": "history {0}",
    "triggers": "triggers {0}", "preview": "preview {0} /", "replay": "replay {0} {0}",
    "import": "import rows.csv --config {0}",
}  # fmt: skip


def _binary(file: Path) -> None:
    file.write_bytes(bytes(range(256)))


BAD_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda file: None, "there is no such file"),
    "folder": (Path.mkdir, "this is a folder, not a file"),
    "empty": (Path.touch, "the file is empty (begin with version: 1)"),
    "binary": (_binary, "it is not a text file"),
    "misspelt": (
        lambda file: file.write_text("version: 1\nsoltz: {}\n"),
        'unknown key "soltz" (did you mean "slots"?)',
    ),
}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("personalize.yaml").write_text(CONFIG, "utf-8")
    Path("rows.csv").write_text("event,time,user_id\nOrder Completed,2026-05-01 10:00,42\n")
    return tmp_path


def run(line: str) -> Result:
    result = CliRunner().invoke(main, line.split(" "))
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result


@pytest.mark.parametrize("kind", BAD_FILES)
@pytest.mark.parametrize("line", READERS.values(), ids=READERS)
def test_a_bad_config_is_named_with_what_is_wrong_with_it(line: str, kind: str) -> None:
    """Every command that reads a config says the same of a bad one, and its status is 1. What programs read stays
    clean: only `check`, whose answer this is, says it on the standard output."""
    make, said = BAD_FILES[kind]
    make(Path("bad.yaml"))
    result = run(line.format("bad.yaml"))
    assert result.exit_code == 1 and said in result.output and "bad.yaml" in result.output
    assert (said in result.stdout) == line.startswith("check")


@pytest.mark.parametrize("store", ["sqlite:////proc/none/log.db", "postgresql://nobody@127.0.0.1:1/shop"])
@pytest.mark.parametrize("line", READERS.values(), ids=READERS)
def test_a_store_that_cannot_be_reached_is_told_in_one_line(line: str, store: str) -> None:
    """Commands that need the log end with 1; those that can do without it say what they did without."""
    Path("personalize.yaml").write_text(f"store: {store}\n{CONFIG}", "utf-8")
    result = run(line.format("personalize.yaml"))
    told = result.stderr.strip()
    if line.split()[0] in ("check", "preview"):
        assert result.exit_code == 0 and not told
    else:
        assert result.exit_code == (0 if line.startswith(("explain", "triggers")) else 1)
        assert (
            store.removeprefix("sqlite:///").removeprefix("postgresql://nobody@") in told or "there is no log" in told
        )
        assert len(told.splitlines()) == (2 if line.startswith("copy-store post") or "again to go on" in told else 1)


MISUSED = {
    "explain personalize.yaml shop": '"shop" is no address; write /path or https://site/path',
    "preview personalize.yaml http://[::1": '"http://[::1" is no address',
    "explain personalize.yaml / --as bakc": 'there is no segment "bakc"; did you mean "back"?',
    "preview personalize.yaml / --as zzz": 'there is no segment "zzz"; there are: back',
    "preview personalize.yaml / --variant splt=b": 'no experience "splt", nor an experiment; did you mean "split"?',
    "preview personalize.yaml / --variant split": "hero/split has the variants a, b: write split=VARIANT",
    "preview personalize.yaml / --variant k=bb": 'write k=VARIANT (did you mean "b"?)',
    "preview personalize.yaml / --variant winter=b": "hero/winter has no variants: write winter",
    "explain personalize.yaml": '"personalize.yaml" is no address',
    "pause personalize.yaml": 'there is nothing called "personalize.yaml"',
    "explain": "Missing argument 'URL'",
    "explain personalize.yaml / --at tomorrow": '"tomorrow" is no time; write "2026-12-24 18:00"',
    "explain personalize.yaml / --page none.html": "none.html: No such file or directory",
    "explain personalize.yaml / --cookie x": '"x" is no cookie; write NAME=VALUE',
    "explain personalize.yaml / --header ş:1": '"ş:1" is no header; write "Name: value"',
    "replay personalize.yaml personalize.yaml --since yesterday": "Invalid value for --since: a duration such as",
    "preview personalize.yaml / --expires never": "Invalid value for --expires: a duration such as",
    "preview personalize.yaml / --variant split=c": "hero/split has the variants a, b",
    "export segment bakc": "Invalid value for NAME: there is no segment",
    "bandit personalize.yaml x": 'there is no bandit "x"; there are: k',
    "bandit x": 'there is no bandit "x"; there are: k',
    "pause personalize.yaml wintre": 'there is nothing called "wintre"',
    "chek": "No such command 'chek'",
    "check --formt json": "Did you mean",
    "import none.csv": "'none.csv' does not exist",
}


@pytest.mark.parametrize(("line", "said"), MISUSED.items(), ids=MISUSED)
def test_what_was_typed_wrong_is_named(line: str, said: str) -> None:
    """The status is 2, and the message says what was meant or what there is."""
    result = run(line)
    assert result.exit_code == 2 and said in result.stderr and not result.stdout


@pytest.mark.parametrize(
    "line",
    [
        "bandit --svg none/x.svg", "replay personalize.yaml personalize.yaml --svg none/x.svg",
        "export segment back -o none/x.csv", "import-flags growthbook personalize.yaml",
        "import-flags growthbook latin", "import rows.csv --encoding none",
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_or_written_is_named(line: str) -> None:
    """The status is 1, and the message is one line with the file's name."""
    Path("latin").write_bytes("ş".encode("iso8859-9"))
    run("pause winter")  # begins a log
    result = run(line)
    last = result.stderr.strip().splitlines()[-1]
    assert result.exit_code == 1 and last.startswith("Error: ")
    assert any(name in last for name in ("none/x", "personalize.yaml: this is no JSON", "latin: ", "encoding: none"))


def test_a_misspelt_file_is_told_from_its_neighbours() -> None:
    """Who types persnalize.yaml is told of personalize.yaml; who stands in the wrong folder, that they do."""
    assert 'there is no such file (did you mean "personalize.yaml"?)' in run("check persnalize.yaml").stdout
    Path("personalize.yaml").rename("elsewhere")
    assert "name your config, or run this in its folder" in run("check").stdout


def test_a_terminal_without_our_letters_is_written_to_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs become plain ones that still differ, and JSON stays what it is."""
    told, said = _ascii(monkeypatch, "explain", "personalize.yaml", "/", "--as", "back"), "+ status is live"
    assert said in told and "- visits is at least 2" in told and "hero: winter" in told
    library = json.loads(_ascii(monkeypatch, "triggers", "personalize.yaml", "--json"))
    assert library["triggers"][0]["message"] == "html: Kış"


def _ascii(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> str:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    out.flush()
    return out.buffer.getvalue().decode("utf-8")  # type: ignore[attr-defined]


def test_output_that_nobody_reads_or_no_disk_takes_ends_quietly() -> None:
    """`personalize schema | head -1`, and a full disk: no traceback either way."""
    command = f"{sys.executable} -m personalize schema"
    read = subprocess.run(f"{command} | head -c 1", shell=True, capture_output=True, text=True)
    full = subprocess.run(f"{command} > /dev/full", shell=True, capture_output=True, text=True)
    assert (read.stdout, read.stderr) == ("{", "")
    assert full.returncode == 1 and "Traceback" not in full.stderr and "No space left on device" in full.stderr


def test_the_config_of_the_folder_is_taken_where_none_is_named() -> None:
    """Whatever follows it: an address, an id, another config."""
    run("pause winter")  # begins a log
    for line, said in {
        "explain /": "hero: ", "pause winter --by ann": "hero/winter is paused", "history": "hero/winter",
        "resume winter": "hero/winter is resumed", "triggers": "winter", "replay personalize.yaml": "0 of 0 views",
        "explain / --device mobile": "hero: ", "explain personalize.yaml /": "hero: ", "demote k": "",
    }.items():  # fmt: skip
        result = run(line)
        assert said in result.output and result.exit_code == (1 if line == "demote k" else 0), result.output


def test_triggers_without_a_log_say_nothing_in_its_name() -> None:
    """What went live is not known, which is not the same as nothing; nor is it known what is paused."""
    result = run("triggers personalize.yaml")
    assert "the log says" not in result.stdout and "winter" in result.stdout
    assert result.stderr.startswith("What is paused or promoted, and what went live when, is not told: there is no log")
    assert json.loads(run("triggers personalize.yaml --json").stdout)["shipped"] is None
    run("pause winter")
    assert json.loads(run("triggers personalize.yaml --json").stdout)["shipped"] == []
    assert "the log says of no config that it went live" in run("triggers personalize.yaml").stdout


READ = ("report", "bandit", "history", "triggers", "identity", "export", "replay", "resume")


@pytest.mark.parametrize("command", READ)
def test_to_read_a_log_makes_none_and_moves_none(command: str) -> None:
    """Whoever reads may be somebody else than who serves: a log that they made could not be written by the site, and
    one that they moved would be gone from under it."""
    line = READERS[command].format("personalize.yaml")
    result = run(line)
    assert f"there is no log at {Path('.personalize/log.db').absolute()} yet" in result.stderr
    assert result.exit_code == (0 if command == "triggers" else 1) and not Path(".personalize").exists()
    Path(".personalize").mkdir()
    Path(".personalize/log.db").write_bytes(b"no database at all" * 500)
    assert "log.db is damaged" in run(line).stderr
    assert Path(".personalize/log.db").read_bytes() == b"no database at all" * 500
    assert not list(Path(".personalize").glob("*damaged*"))


def test_to_ask_why_leaves_nothing_behind() -> None:
    """Before anything was served, `explain` answers from the config alone, with its lines, and makes no file."""
    before = sorted(Path().rglob("*"))
    result = run("explain / --as back")
    assert result.exit_code == 0 and "hero: winter  personalize.yaml:" in result.output
    assert sorted(Path().rglob("*")) == before


def test_every_command_tells_times_by_the_configs_clock_and_names_it() -> None:
    """A pause in the history, an example in a replay."""
    Path("personalize.yaml").write_text(f"timezone: Asia/Tehran\n{CONFIG}", "utf-8")
    run("pause winter")
    (told,) = json.loads(run("history --json").stdout)
    there = datetime.fromtimestamp(told["time"], ZoneInfo("Asia/Tehran")).strftime("%Y-%m-%d %H:%M:%S")
    text = run("history").stdout
    assert there in text and "when (Asia/Tehran)" in text


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs Linux to look at a process's children")
def test_ctrl_c_is_heard_by_one_process_of_a_replay() -> None:
    """A terminal sends it to all; those that share the work pass it over from their first moment, and are ended by the
    one that says so in a word."""
    run("pause winter")  # begins a log
    command = [sys.executable, "-m", "personalize", "replay", "personalize.yaml", "--processes", "2"]
    told = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    workers: dict[str, bool] = {}
    while told.poll() is None and not workers:
        with contextlib.suppress(OSError):  # whoever is looked at may be gone
            for child in Path(f"/proc/{told.pid}/task/{told.pid}/children").read_text().split():
                if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                    passed_over = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{child}/status").read_text())
                    assert passed_over is not None
                    workers[child] = bool(int(passed_over[1], 16) & 1 << (signal.SIGINT - 1))
    told.communicate(timeout=120)
    assert told.returncode == 0 and all(workers.values())
