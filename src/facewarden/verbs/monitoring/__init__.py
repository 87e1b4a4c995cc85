"""Audits on a schedule, their trend, and alerts."""
