"""Measure a detector on captures, a recognizer on pairs of photos, or cloaks against trackers that purify."""
