"""Where the log of a training also goes: one file for each program that shows it."""
