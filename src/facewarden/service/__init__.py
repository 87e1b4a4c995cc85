"""The service: one process that scores, purifies, compares and audits over HTTP; `facewarden serve` starts it."""
