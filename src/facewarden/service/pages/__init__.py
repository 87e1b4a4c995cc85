"""The web page of the service: photos in, verdicts out; purifying, audits, models. Works without JavaScript."""
