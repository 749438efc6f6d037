"""An admission webhook for the ConfigMaps of one namespace: one that says no, or one that is not there."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from gitops_bot.sandbox.certificates import ServerKeys, make_keys
from gitops_bot.sandbox.kubernetes_api import KubernetesApi

_VERSION = "admissionregistration.k8s.io/v1"


class _Refuses(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"uid": asked["request"]["uid"], "allowed": False, "status": {"message": "not on a Friday"}}
        body = json.dumps({"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def webhook(api: KubernetesApi, namespace: str, folder: Path, *, answers: bool) -> Iterator[None]:
    """A webhook that refuses, or (``answers=False``) one whose server is gone; in force while the block runs."""
    keys = make_keys(folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refuses)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys.certificate, keys.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    configuration = _configuration(namespace, server.server_port, keys)
    if not answers:
        server.shutdown()
        server.server_close()
    api.apply([configuration])
    try:
        yield
    finally:
        api.call("DELETE", api.path_of(configuration))
        if answers:
            server.shutdown()
            server.server_close()
        thread.join()


def _configuration(namespace: str, port: int, keys: ServerKeys) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
    authority = base64.b64encode(keys.ca.read_bytes()).decode()
    return {
        "apiVersion": _VERSION,
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": f"refuses-{namespace}"},
        "webhooks": [
            {
                "name": "friday.example.com",
                "clientConfig": {"url": f"https://127.0.0.1:{port}/", "caBundle": authority},
                "rules": [rule],
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "failurePolicy": "Fail",
                "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 5,
            }
        ],
    }
