"""Pages that are no audit: a title, chapters with tables and figures, rendered as HTML, Markdown or PDF."""
