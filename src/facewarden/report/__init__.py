"""The graded report of an audit: document, grades, gate, figures and one self-contained HTML page with its JSON twin."""
