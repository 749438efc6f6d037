"""Hidden characters are shown; what people write stays as it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitops_bot.rules.cleaning import clean, clean_line, has_hidden_characters


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mred", r"a\x1b[31mred"),
        ("all good\rrm -rf", r"all good\x0drm -rf"),
        ("\x00\x07\x7f\x85\x9b", r"\x00\x07\x7f\x85\x9b"),
        ("evil\u202etxt.exe", r"evil\u202etxt.exe"),
        ("\u2066isolated\u2069", r"\u2066isolated\u2069"),
        ("zero\u200bwidth\u200d\ufeff\u2060", r"zero\u200bwidth\u200d\ufeff\u2060"),
        ("tag\U000e0041\U000e007f", r"tag\U000e0041\U000e007f"),
        ("variation\U000e0100\ufe01", r"variation\U000e0100\ufe01"),
        ("a\ufe0f", r"a\ufe0f"),
        ("line\u2028separator", r"line\u2028separator"),
        ("soft\xadhyphen", r"soft\xadhyphen"),
        ("\u3164\u115f", r"\u3164\u115f"),
        ("\ud83d", r"\ud83d"),
        ("\uffff\ufdd0", r"\uffff\ufdd0"),
        ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + r"\u0301\u0301"),
    ],
)
def test_what_a_person_does_not_see_is_shown(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert has_hidden_characters(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain\n\ttext",
        "naïve café",
        "ß é ñ",
        "日本語",
        "Ж",
        "שלום",
        "⚠️ ⬆️ ❤️ 1️⃣",
        "🎉👍🏽",
        "e\u0301",
        "🇩🇪",
        "a\u00a0b",
        "�",
    ],
)
def test_what_people_write_stays(text: str) -> None:
    assert clean(text) == text
    assert not has_hidden_characters(text)


def test_a_line_stays_one_line() -> None:
    assert clean_line("a\nb\tc\r") == r"a\nb\tc\x0d"


@given(st.text())
def test_nothing_hidden_is_left_and_cleaning_again_changes_nothing(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert not has_hidden_characters(cleaned)
    cleaned.encode()
    for character in cleaned:
        assert character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cs", "Zl", "Zp"}
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
