"""Descriptions of captures that no network learned, or a frozen one gives, and closed-form classifiers on them."""
