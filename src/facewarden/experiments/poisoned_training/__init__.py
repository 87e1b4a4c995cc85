"""What a trigger in a training set does to a detector, and what two defenses undo of it."""
