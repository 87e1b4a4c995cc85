"""Addresses of the page."""

ROOT = "/page"
STATIC = f"{ROOT}/static"
SIGN_IN = f"{ROOT}/sign-in"
