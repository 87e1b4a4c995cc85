"""The graded report of an audit: document, grades, gate, figures, and one self-contained page with its JSON twin."""
