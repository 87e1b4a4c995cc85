"""The recognizers that are taken where nobody names any: the one place where these choices stand."""

from __future__ import annotations

CLOAK_SURROGATES = ("mobilefacenet_512", "dlib_resnet34")
"""A cloak is made on these together: two families of networks, so that it carries over to a third."""

AUDIT_SURROGATES = ("mobilefacenet_128", "dlib_resnet34", "mobilefacenet_512")
"""An audit makes its cloak on the first two of these that are fetched and are not the audited recognizer."""

EVALUATION_RECOGNIZERS = ("mobilefacenet_512", "dlib_resnet34", "mobilefacenet_128", "faceres")
"""Trackers of the cloaking experiment search with each of these."""
