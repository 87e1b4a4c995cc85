"""Galleries as trackers have them in practice: mixed, growing, of many people who cloak; who is still found."""
