"""The tour's scene of a model: what it thinks of a pull request, marked as that, and what people think of it."""

from collections.abc import Callable, Sequence

from gitops_bot.sandbox.observer import Observer, SeenMessage, until
from gitops_bot.sandbox.tour_rows import Row, quote

Say = Callable[[str], None]

_MARK = "a model's opinion"
# What the demo's model (llm/reviewer.py) finds in the pull request with the new setting.
_FINDING = "points to cache"
_COUNTED = "1 found it useful"


async def opinion_scene(world: Observer, number: int, setting: str, *, patience: float, say: Say) -> Sequence[Row]:
    """Look for the opinion in the message of a pull request that brings ``setting``, and press Useful."""
    message = await _message(world, number, _FINDING, patience)
    marked = message is not None and message.says(_MARK, _FINDING)
    rows = [
        Row(f"#{number}, what a model thinks", "marked as its opinion", quote(message, _MARK), marked),
        Row(
            "  stands below the report",
            f"after {setting}",
            quote(message, _FINDING),
            message is not None and 0 <= _place(message, setting) < _place(message, _FINDING),
        ),
        Row(
            "  says which model, and what it cost",
            "stand-in-large, cost",
            quote(message, "stand-in-large"),
            message is not None and message.says("stand-in-large", "cost 0.0"),
        ),
    ]
    if message is not None and "useful" in message.buttons:
        say(f"{world.reviewer} presses Useful")
        await world.click(message, "useful", world.reviewer)
        message = await _message(world, number, _COUNTED, patience)
    counted = message is not None and message.says(_COUNTED)
    return [*rows, Row("Click on useful: the message counts it", _COUNTED, quote(message, _COUNTED), counted)]


async def _message(world: Observer, number: int, words: str, patience: float) -> SeenMessage | None:
    seen = await until(
        lambda: world.messages_about(number), lambda found: any(one.says(words) for one in found), seconds=patience
    )
    return seen[0] if seen else None


def _place(message: SeenMessage, words: str) -> int:
    return message.text.casefold().find(words.casefold())
