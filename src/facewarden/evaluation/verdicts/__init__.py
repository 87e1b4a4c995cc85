"""From a score to what a person needs: a decision with its threshold, a probability, or why there is none."""
