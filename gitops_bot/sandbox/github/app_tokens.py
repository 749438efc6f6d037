"""GitHub Apps prove who they are with a JWT that their own key signed.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

import base64
import binascii
import json
import time
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gitops_bot.sandbox.github.records import App
from gitops_bot.sandbox.github.refusals import Refusal

# Seconds: a JWT may live ten minutes, and clocks may differ by one.
_LONGEST = 600
_LEEWAY = 60


def app_of_jwt(token: str, apps: Mapping[int, App]) -> App:
    """Give the App that signed a JWT. Refusal 401 in GitHub's words for each way in which it can be wrong."""
    signed, _, signature = token.rpartition(".")
    try:
        header, claims = (json.loads(_decode(part)) for part in signed.split("."))
        app = apps[int(claims["iss"])]
        issued, expires = int(claims["iat"]), int(claims["exp"])
    except (ValueError, KeyError, TypeError) as wrong:
        raise Refusal(401, "A JSON web token could not be decoded") from wrong
    if header.get("alg") != "RS256" or not _is_signed(app, signed, signature):
        raise Refusal(401, "A JSON web token could not be decoded")
    moment = time.time()
    if expires <= moment:
        raise Refusal(401, "'Expiration time' claim ('exp') must be a numeric value representing the future time")
    if expires > moment + _LONGEST + _LEEWAY:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    if issued > moment + _LEEWAY:
        raise Refusal(401, "'Issued at' claim ('iat') must be an Integer representing the time in the past")
    return app


def _is_signed(app: App, signed: str, signature: str) -> bool:
    key: Any = serialization.load_pem_public_key(app.public_key.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        return False
    try:
        key.verify(_decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error):
        return False
    return True


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
