"""What all verbs share: how commands are found, parsed, run and printed."""
