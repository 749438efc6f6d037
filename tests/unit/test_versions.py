"""Versions, quantities and images: what can be compared, and what must not be."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.rules.images import Image, parse_image
from gitops_bot.rules.quantities import quantity
from gitops_bot.rules.versions import compare_versions


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("1.9.0", "1.10.0", 1),
        ("1.10.0", "1.9.0", -1),
        ("v1.25", "1.25.0", 0),
        ("17", "16.4", -1),
        ("1.0.0-rc.1", "1.0.0", 1),
        ("1.0.0", "1.0.0-beta.2", -1),
        ("1.0.0-rc.10", "1.0.0-rc.9", -1),
        ("3.12b1", "3.12rc1", 1),
        ("1.0.0+build.5", "1.0.0+build.4", 0),
        ("1.25.3-alpine3.19", "1.25.3-alpine3.18", -1),
        ("2.1.0-debian-12-r3", "2.1.0-debian-12-r10", 1),
        ("1.25-alpine", "1.26-bookworm", 1),
        ("release-1.4", "release-1.3", -1),
        # Which is the newer one is not written in them.
        ("1.25-alpine", "1.25-bookworm", None),
        ("release-1.4", "stable-1.3", None),
        ("latest", "1.2.3", None),
        ("20240101", "1.2.3", None),
        ("20240101", "20231231", -1),
        ("8a1b2c3", "1a2b3c4", None),
        ("main-abcdef0", "main-1234567", None),
        ("", "", None),
        ("1.2.3", "«hidden#1»", None),
    ],
)
def test_versions(old: str, new: str, expected: int | None) -> None:
    assert compare_versions(old, new) == expected
    reverse = compare_versions(new, old)
    assert reverse == (None if expected is None else -expected)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_can_be_asked(old: str, new: str) -> None:
    there, back = compare_versions(old, new), compare_versions(new, old)
    assert (there is None) == (back is None)
    assert there is None or there == -(back or 0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10Gi", Decimal(10 * 1024**3)),
        ("1G", Decimal(10**9)),
        ("500m", Decimal("0.5")),
        ("1e3", Decimal(1000)),
        (".5", Decimal("0.5")),
        (0, Decimal(0)),
        (2.5, Decimal("2.5")),
        ("-1", Decimal(-1)),
        (True, None),
        ("", None),
        ("10GiB", None),
        ("1e999999999", None),
        ("٣", None),
        (None, None),
        ([1], None),
        (float("nan"), None),
    ],
)
def test_quantities(text: object, expected: Decimal | None) -> None:
    assert quantity(text) == expected


DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("web", Image("docker.io", "library/web", "", "")),
        ("web:1", Image("docker.io", "library/web", "1", "")),
        ("acme/web:1", Image("docker.io", "acme/web", "1", "")),
        ("index.docker.io/web", Image("docker.io", "library/web", "", "")),
        ("localhost:5000/a/b/c:1", Image("localhost:5000", "a/b/c", "1", "")),
        ("localhost/a", Image("localhost", "a", "", "")),
        (f"ghcr.io/a/b:1@{DIGEST}", Image("ghcr.io", "a/b", "1", DIGEST)),
        (f"ghcr.io/a/b@{DIGEST}", Image("ghcr.io", "a/b", "", DIGEST)),
        ("ghcr.io:443/a/b", Image("ghcr.io:443", "a/b", "", "")),
        ("${IMAGE}", None),
        ("a b", None),
        ("web:", None),
        ("web@", None),
        ("", None),
        ("a" * 1000, None),
        ("Web:1", None),
    ],
)
def test_images(text: str, expected: Image | None) -> None:
    assert parse_image(text) == expected
