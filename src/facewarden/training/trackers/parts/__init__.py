"""What trackers share: their role, and how a training tells them of an epoch."""
