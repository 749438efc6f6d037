"""The prompts: text files beside this one, or the operator's own."""

from pathlib import Path

from gitops_bot.errors import SettingsError
from gitops_bot.models.opinions import Asking

_OURS = Path(__file__).with_name("prompts")


def instructions(asking: Asking, language: str, folder: Path | None) -> str:
    """Give what the model is told to do. A file ``review.txt`` (…) in ``folder`` wins over ours."""
    theirs = folder / f"{asking.value}.txt" if folder is not None else None
    file = theirs if theirs is not None and theirs.is_file() else _OURS / f"{asking.value}.txt"
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SettingsError(f"llm.prompts_folder: cannot read {file}: {error}. Make it readable UTF-8 text.") from error
    return text.replace("{language}", language).strip()
