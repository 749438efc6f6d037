"""One reading of the company's network for every client."""

from pathlib import Path

import pytest

from gitops_bot.config import NetworkSettings
from gitops_bot.errors import SettingsError

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("no_proxy", "address", "direct"),
    [
        ("github.com", "https://github.com/x", True),
        ("github.com", "https://api.github.com", True),
        (".github.com", "https://api.github.com", True),
        ("*.github.com", "https://api.github.com", True),
        ("github.com", "https://notgithub.com", False),
        ("github.com", "https://github.com.evil.example", False),
        ("GitHub.com", "https://GITHUB.COM", True),
        ("*", "https://anything", True),
        ("10.0.0.0/8", "https://10.1.2.3:6443", True),
        ("10.0.0.0/8", "https://11.1.2.3", False),
        ("10.1.2.3", "https://10.1.2.3", True),
        ("::1", "http://[::1]:80", True),
        ("host:8080", "http://host:8080", True),
        ("host:8080", "http://host", False),
        ("host:443", "wss://host/socket", True),
        ("", "http://host", False),
        (".", "http://host", False),
    ],
)
def test_exceptions_from_the_proxy(no_proxy: str, address: str, *, direct: bool) -> None:
    network = NetworkSettings(proxy=PROXY, no_proxy=(no_proxy,))
    assert network.proxy_for(address) == (None if direct else PROXY)


def test_without_a_proxy_every_way_is_direct() -> None:
    assert NetworkSettings().proxy_for("https://github.com") is None


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_certificates_that_cannot_be_read_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=r"network\.ca_file: .*ca\.pem"):
        _ = NetworkSettings(ca_file=file).certificates
