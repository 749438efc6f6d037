"""Fences of markdown, read as CommonMark reads them."""

import re


def outside_of_fences(text: str) -> str:
    """What is left when fences are taken out."""
    left, closing = [], ""
    for line in text.split("\n"):
        if closing:
            if re.fullmatch(rf" {{0,3}}`{{{len(closing)},}}[ \t]*", line):
                closing = ""
        elif found := re.match(r" {0,3}(`{3,})[^`]*$", line):
            closing = found[1]
        else:
            left.append(line)
    assert not closing, "a fence that nothing ends"
    return "\n".join(left)
