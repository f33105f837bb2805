"""Every block of YAML, Python and shell in the docs is run, or stands in a table with the reason why not."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import httpx
import jsonschema
import pytest
from click.testing import CliRunner

from personalize.cli import main
from personalize.config import json_schema
from personalize.config.yaml12 import parse

from . import scenes
from .snippets import PAGES, ROOT, Block, blocks, configs, prints, session

MEANT_TO_BE_WRONG = "docs/reference/problems.md"  # its YAML; tests/config/test_docs.py holds each against its id
EDITOR = jsonschema.Draft202012Validator(json_schema())
SHELL, RUN = ("sh", "console"), ("yaml", "python", "sh", "console")
ALL = [block for page in PAGES for block in blocks(page)]


@pytest.fixture(autouse=True)
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a reader of the docs has it, in which everything here runs."""
    scenes.furnish(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PERSONALIZE_WRITE_KEYS", "a-key")
    return tmp_path


def check(text: str) -> str:
    """What `personalize check` says of a config, or else what an editor would underline by the schema; empty where it
    is good. A fragment need not use all that it has."""
    Path("personalize.yaml").write_text(text, "utf-8")
    said = json.loads(CliRunner().invoke(main, ["check", "--format", "json"]).stdout)
    told = "".join(f"{p['code']} {p['message']} ({p['hint']})\n" for p in said if p["code"] != "PZ402")
    return told or "".join(error.message for error in EDITOR.iter_errors(parse(text.encode(), "c.yaml").data))


def execute(command: str) -> tuple[int, str]:
    """A command's status and what it prints. `personalize` runs in this process, which saves its start."""
    before, _, after = command.rpartition(" | ")
    line, _, file = after.partition(" > ")
    if not line.startswith("personalize "):
        done = subprocess.run(["bash", "-ec", command], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    words = shlex.split(line, comments=True)
    result = CliRunner().invoke(main, words[1:], input=scenes.PIPED[before] if before else None)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    if file:
        Path(file).write_text(result.stdout, "utf-8")
    return result.exit_code, result.output


def problem(block: Block) -> str:
    """What is wrong with a block; empty where it does what its page says. YAML is kept as the reader's config."""
    if block.language == "yaml":
        return "".join(said for text in configs(block.text) if (said := check(text)))
    if block.language == "python":
        try:
            exec(compile(block.text, str(block), "exec"), scenes.names(block.page) | {"__name__": "snippet"})
        except Exception as error:
            return f"{error!r}"
        return ""
    for command, shown in session(block.text):
        meant = scenes.STATUS.get((block.page, command), 0)
        if shown and "retruning" in shown:  # the tutorial has its reader misspell a segment
            file, meant = Path("personalize.yaml"), 1
            good = file.read_text("utf-8")
            file.write_text(good.replace("when: returning", "when: retruning"), "utf-8")
            status, printed = execute(command)
            file.write_text(good, "utf-8")
        else:
            status, printed = execute(command)
        if status != meant:
            return f"{command}: exit status {status}\n{printed}"
        if shown is not None and not prints(shown, printed):
            return f"{command} prints\n{printed}"
    return ""


@pytest.mark.parametrize("page", dict.fromkeys(b.page for b in ALL if b.language in RUN))
def test_what_a_page_shows_is_what_happens(page: str, base: Path) -> None:
    """A page's blocks are run from the top, in one folder: configs are checked, Python and commands run, and what is
    shown below a command is what it prints."""
    scenes.record(page, base)
    wrong = {}
    for block in (b for b in ALL if b.page == page and b.language in RUN):
        if (page, block.first) in scenes.NOT_RUN or (page == MEANT_TO_BE_WRONG and block.language == "yaml"):
            continue
        if said := problem(block):
            wrong[str(block)] = said
    assert not wrong, "\n".join(f"{where}: {said}" for where, said in wrong.items())


def test_nothing_is_left_out_without_need() -> None:
    """Whatever the tables name is there, commands are marked as such, and every block says what it is."""
    there = {(b.page, b.first) for b in ALL}
    commands = {(b.page, c) for b in ALL if b.language in SHELL for c, _ in session(b.text)}
    assert scenes.NOT_RUN.keys() <= there and scenes.STATUS.keys() <= commands
    assert not [str(b) for b in ALL if not b.language]
    assert not [str(b) for b in ALL if b.language == "text" and b.first.startswith(("$ ", "personalize ", "python "))]


PLANTED = [
    Block("p.md", 1, "yaml", "slots:\n  hero:\n    mach: {path: /}\n"),
    Block("p.md", 1, "yaml", "match: {path: /, element: 'p:has(b)'}\n"),
    Block("p.md", 1, "yaml", "{viewd: {path: /pricing, within: 7d}}\n"),
    Block("p.md", 1, "yaml", "when: everyone\nwhen: retruning\n"),
    Block("p.md", 1, "yaml", "experiment:\n  key: a\n  requires: [{experiment: b, variants: [c]}]\n"),
    Block("p.md", 1, "python", "from personalize import PersonaliseMiddleware\n"),
    Block("p.md", 1, "sh", "personalize check --formt json personalize.yaml\n"),
    Block("p.md", 1, "console", "$ personalize check personalize.yaml\npersonalize.yaml: good to serve: 2 slots\n"),
    Block("p.md", 1, "console", "$ personalize pause personalize.yaml wintre\n"),
    Block("p.md", 1, "sh", "python -c 'import personalise'\n"),
]


@pytest.mark.parametrize("block", PLANTED, ids=lambda b: b.text.splitlines()[-1][:40])
def test_a_wrong_snippet_is_found(block: Block) -> None:
    """Planted: a key, a selector, a fact, a segment, an import, an option or an output that is not so."""
    assert problem(block)


def spoken(pattern: str) -> list[tuple[str, str]]:
    """What stands in backticks in running text and fits, with its page."""
    found = []
    for page in PAGES:
        prose = re.sub(r"^( *)```.*?^ *```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
        found += [(str(page.relative_to(ROOT)), text) for text in re.findall(rf"`({pattern})`", prose)]
    return found


@pytest.mark.parametrize(("page", "line"), sorted(set(spoken(r"personalize [a-z][^`]*"))))
def test_a_command_in_running_text_is_one(page: str, line: str) -> None:
    """`personalize COMMAND --option` names a command and options that there are; `a · b` several."""
    for part in line.removeprefix("personalize ").split(" · "):
        name, *words = shlex.split(part)
        command = main.commands.get(name)
        assert command is not None, f"{page}: {line}"
        if isinstance(command, click.Group) and words:
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert {word for word in words if word.startswith("-") and word != "-"} <= options, f"{page}: {line}"


@pytest.mark.parametrize(("page", "line"), sorted(set(spoken(r"python -m [a-z][^`]*"))))
def test_a_module_in_running_text_is_one(page: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`python -m NAME` names a module of the checkout, or one that is installed."""
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(ROOT)
    assert importlib.util.find_spec(line.split()[2]) is not None, page


TOP = "site|store|hot|retention|sources|catalogue|goals|segments|holdout|slots"


@pytest.mark.parametrize(("page", "text"), sorted(set(spoken(rf"(?:{TOP}): (?!failing|damaged|stale)[^`]*"))))
def test_a_key_in_running_text_is_one(page: str, text: str) -> None:
    """`site: {...}` and the like are checked as a block would be."""
    for config in configs(text) if not re.search(r"\.\.\.|package\.module", text) else ():  # these stand for others
        assert not check(config), page


@pytest.mark.parametrize(("page", "file"), [("README.md", "app.py"), ("docs/tutorial/first-page.md", "shop.py")])
async def test_the_first_pages_are_served(page: str, file: str, base: Path, unused_tcp_port: int) -> None:
    """What the README and the tutorial have their reader write is served by the command that they name, and does what
    they say: a page without consent is untouched and sets no cookie, with it there is one."""
    code, config = (next(b.text for b in ALL if (b.page, b.language) == (page, kind)) for kind in ("python", "yaml"))
    (base / file).write_text(code)
    (base / "personalize.yaml").write_text(config)
    command = [sys.executable, "-m", "uvicorn", f"{file.removesuffix('.py')}:app", "--port", str(unused_tcp_port)]
    server = subprocess.Popen(command, cwd=base, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{unused_tcp_port}") as client:
            plain = await _once_it_listens(client)
            personal = await client.get("/", headers={"cookie": "consent=granted"})
    finally:
        server.terminate()
        server.wait()
    assert "Welcome" in plain.text and plain.text == personal.text
    assert "set-cookie" not in plain.headers and "pz=" in personal.headers["set-cookie"]


async def _once_it_listens(client: httpx.AsyncClient) -> httpx.Response:
    for _ in range(400):
        try:
            return await client.get("/")
        except httpx.ConnectError:
            await asyncio.sleep(0.05)
    raise AssertionError("the server did not listen within 20 s")
