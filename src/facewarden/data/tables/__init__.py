"""Tables as text: CSV that runs nothing, and what columns are called."""
