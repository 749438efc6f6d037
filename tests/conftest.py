"""What holds for every test."""

import os
import tempfile

# The PostgreSQL package asks for it at import, and a machine without a login session has none.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="gitops-bot-tests-"))

# Settings of the person who runs the tests do not reach them.
for name in [name for name in os.environ if name.startswith("GITOPS_BOT_") and name != "GITOPS_BOT_TESTS"]:
    del os.environ[name]
