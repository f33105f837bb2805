"""`python -m examples.shop.screenshot OUT_DIR`: starts the demo on a free port and takes the pictures of the README."""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
LARGEST = 400 * 1024  # bytes of one picture


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
    return port


@contextlib.contextmanager
def running_demo() -> Iterator[str]:
    """The demo in a process of its own; its address."""
    port = free_port()
    demo = subprocess.Popen([sys.executable, "-m", "examples.shop", "--port", str(port)], stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/static/shop.css", timeout=1).close()
                break
            time.sleep(0.1)
        else:
            raise SystemExit("the demo did not start")
        yield address
    finally:
        demo.terminate()
        demo.wait(10)


def chromium() -> str | None:
    """Where Debian's Chromium is, if it is installed."""
    return CHROMIUM if Path(CHROMIUM).exists() else shutil.which("chromium")


def become(page: Any, persona: str) -> None:
    """Step onto the stage as somebody, and wait until the shop and its reasons are there."""
    page.click(f".person[data-persona={persona}]")
    page.wait_for_timeout(1800)


def toothpaste(page: Any) -> None:
    become(page, "toothpaste")
    page.click("#slots li[data-slot=hero] button")
    page.wait_for_timeout(500)


def campaign(page: Any) -> None:
    become(page, "mobile")


def product(page: Any) -> None:
    become(page, "bargain")
    page.frame_locator("#shop").locator("#recommended .card a").first.click()
    page.wait_for_timeout(1500)
    page.hover("#slots li[data-slot=proof] button")
    page.wait_for_timeout(400)


def broken(page: Any) -> None:
    become(page, "new")
    page.wait_for_timeout(4000)
    page.click("[data-mode=hangs]")
    page.wait_for_timeout(15_000)
    page.hover("#slots li[data-slot=banner] button")
    page.wait_for_timeout(400)


PICTURES: dict[str, Callable[[Any], None]] = {
    "stage-toothpaste": toothpaste,
    "stage-campaign": campaign,
    "stage-product": product,
    "stage-broken-backend": broken,
}


def take(out: Path) -> list[Path]:
    """Take all pictures into `out`; returns the files."""
    from playwright.sync_api import sync_playwright

    out.mkdir(parents=True, exist_ok=True)
    files = []
    with running_demo() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1340, "height": 800})
        page.goto(f"{address}/stage")
        page.wait_for_timeout(1500)
        for name, play in PICTURES.items():
            play(page)
            files.append(out / f"{name}.png")
            page.screenshot(path=files[-1])
        plain = browser.new_page(viewport={"width": 1180, "height": 860})
        plain.goto(address)
        plain.wait_for_timeout(800)
        plain.click(".ask .no")
        plain.wait_for_timeout(500)
        files.append(out / "shop-home.png")
        plain.screenshot(path=files[-1])
        browser.close()
    return files


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m examples.shop.screenshot", description=__doc__)
    parser.add_argument("out", type=Path, help="the folder for the pictures, such as docs/images")
    arguments = parser.parse_args()
    if chromium() is None:
        parser.exit(1, "Chromium is needed: apt-get install chromium\n")
    for file in take(arguments.out):
        size = file.stat().st_size
        print(f"{file}  {size / 1024:.0f} KB{'  (too large)' if size > LARGEST else ''}")


if __name__ == "__main__":
    main()
