"""What sections of the settings share: their rules, words that several use, and how a secret is read."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr

from gitops_bot.errors import SettingsError


class Section(BaseModel):
    """Settings under one name; an unknown one is a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def read_secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    """Give a secret from its file (read anew each time: it may be replaced at run time) or from the settings."""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name}_file: cannot read {file}: {error.strerror}. Name a readable file.") from error
        if not text:
            raise SettingsError(f"{name}_file: {file} is empty. Put the secret into it, on one line.")
        return text
    if value is None or not value.get_secret_value():
        raise SettingsError(
            f"{name} is missing. Set {name}_file to a file that holds it, or set it in the environment."
        )
    return value.get_secret_value()


def read_off(value: Any) -> Any:
    """Read YAML's bare ``off``, which is false, as the word that was written."""
    return "off" if value is False else value


Patterns = tuple[str, ...]
SeverityName = Literal["info", "warning", "critical"]
SeverityOrOff = Annotated[Literal["info", "warning", "critical", "off"], BeforeValidator(read_off)]
