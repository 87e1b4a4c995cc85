"""What recognizers share: published weights, frozen graphs, views."""
