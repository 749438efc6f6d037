"""The tour's scenes with a model: its opinion, marked as that, and what a gate on trial would have done."""

from collections.abc import Callable, Mapping, Sequence

from gitops_bot.sandbox.observer import Observer, SeenMessage, until
from gitops_bot.sandbox.tour_rows import Row, quote

Say = Callable[[str], None]

_MARK = "a model's opinion"
# What the demo's model (llm/reviewer.py) finds in the pull request with the new setting.
_FINDING = "points to cache"
_COUNTED = "1 found it useful"
_WOULD, _WOULD_NOT = "would have cleared this", "would not have cleared this"


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


async def gate_scene(world: Observer, numbers: Mapping[str, int], *, patience: float) -> Sequence[Row]:
    """Look at what the gate says of two updates by a dependency bot: one is what its title says, one is not."""
    rows = []
    for name, what, expected in (
        ("harmless", "an update by a dependency bot", (_WOULD, "score 9")),
        ("lying", "another, that also widens rights", (_WOULD_NOT, "ClusterRole")),
    ):
        message = await _message(world, numbers[name], expected[0], patience)
        said = quote(message, expected[0])
        held = message is not None and message.says(*expected)
        rows.append(Row(f"#{numbers[name]}, {what}: the gate on trial", ", ".join(expected), said, held))
    return rows


async def _message(world: Observer, number: int, words: str, patience: float) -> SeenMessage | None:
    seen = await until(
        lambda: world.messages_about(number), lambda found: any(one.says(words) for one in found), seconds=patience
    )
    return seen[0] if seen else None


def _place(message: SeenMessage, words: str) -> int:
    return message.text.casefold().find(words.casefold())
