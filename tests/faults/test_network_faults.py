"""Names, addresses and certificates: a source is reached where the config says, or not at all."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from personalize.content.connect import is_public

FALLBACK = "<p>fallback</p>"
NAME = "cms.example"


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str, after: threading.Event | None = None) -> list[str]:
    """Stand in for the system's resolver for names that end in .example; returns the names asked for."""
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, port, *args, **kwargs)
        asked.append(host)
        if after is not None:
            after.wait(10)
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


async def test_a_failing_name_gives_the_fallback(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that does not resolve is a fallback."""
    resolve_to(monkeypatch)
    site.build(url=f"http://{NAME}:{site.port}/{{path}}")
    fill = await site.show()
    assert fill.html == FALLBACK and NAME in fill.note


async def test_a_slow_resolver_holds_up_neither_page_nor_loop(
    backend: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a name hangs the loop turns, the site's own threads are free, one thread asks, the fetch ends in time."""
    answered = threading.Event()
    asked = resolve_to(monkeypatch, "127.0.0.1", after=answered)
    site.build(url=f"http://{NAME}:{site.port}/{{path}}", deadline=1.0, breaker={"failures": 100})
    fills = await asyncio.gather(*(site.show(f"/{n}", budget=0.05) for n in range(15)))
    assert {fill.html for fill in fills} == {FALLBACK}
    assert await asyncio.to_thread(lambda: "free") == "free"
    await site.settled()
    assert len(asked) == 1 and backend.calls == []
    answered.set()
    assert (await site.show("/later")).html == "<p>good</p>"


async def test_a_private_address_is_refused_unless_allowed(
    backend: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a literal nor a name leads inside, and nothing is even connected to."""
    resolve_to(monkeypatch, "127.0.0.1", "10.0.0.1", "169.254.169.254")
    for host in ("127.0.0.1", NAME, "localhost", "[::1]", "2130706433", "0x7f.1"):
        site.build(url=f"http://{host}:{site.port}/{{path}}", allow_private=False)
        fill = await site.show()
        assert fill.html == FALLBACK, host
        await site.contents.close()
    assert backend.connections == 0
    site.build(url=f"http://{NAME}:{site.port}/{{path}}", allow_private=True)
    assert (await site.show()).html == "<p>good</p>"


async def test_a_name_is_resolved_once_for_check_and_connection(
    backend: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was checked is the one connected to, so a second answer cannot lead elsewhere."""
    asked = resolve_to(monkeypatch, "127.0.0.1")
    site.build(url=f"http://{NAME}:{site.port}/{{path}}", allow_private=True)
    assert (await site.show()).html == "<p>good</p>"
    assert len(asked) == 1
    assert f"Host: {NAME}:{site.port}".encode() in backend.calls[0].head


async def test_a_dead_address_leaves_time_for_the_next(
    backend: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several addresses each is tried."""
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")  # the backend listens on the second only
    site.build(url=f"http://{NAME}:{site.port}/{{path}}")
    assert (await site.show()).html == "<p>good</p>"


async def test_proxies_of_the_environment_are_ignored(backend: Any, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY does not choose who reads what a visitor's key holds."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.build()
    assert (await site.show()).html == "<p>good</p>"


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "192.0.2.1",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:db8::1",
    ],
)
def test_what_is_not_public(address: str) -> None:
    """Private, local, reserved and multicast addresses, also inside IPv6 forms that carry an IPv4 one."""
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_what_is_public(address: str) -> None:
    """Ordinary addresses pass."""
    assert is_public(address)


def certificate(folder: Path, name: str, days: int) -> tuple[Path, Path]:
    """A key and a certificate that signs itself, made by openssl; negative days have passed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-keyout",
            str(key),
            "-out",
            str(cert),
            "-days",
            str(days),
            "-subj",
            f"/CN={name}",
            "-addext",
            f"subjectAltName=DNS:{name}",
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.mark.parametrize(
    ("certified", "trusted", "shown"),
    [(NAME, True, "<p>good</p>"), (NAME, False, FALLBACK), ("other.example", True, FALLBACK)],
)
async def test_a_certificate_must_be_trusted_and_of_the_host(
    certified: str, trusted: bool, shown: str, backend: Any, site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS proves the host's name; an unknown or a wrong certificate is a fallback, never plain HTTP."""
    key, cert = certificate(tmp_path, certified, 2)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert, key)
    await backend.stop()
    await backend.start(server)
    resolve_to(monkeypatch, "127.0.0.1")
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    site.build(url=f"https://{NAME}:{backend.port}/{{path}}")
    assert (await site.show()).html == shown
    assert len(backend.calls) == (shown != FALLBACK)
