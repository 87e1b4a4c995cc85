"""What Prometheus reads: requests, batches, waiting photos, refusals and jobs."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The metrics of one service; two services in one process do not share them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        kept = self.registry
        self.requests = Counter(
            "facewarden_requests", "Requests by route and status", ("route", "status"), registry=kept
        )
        self.seconds = Histogram(
            "facewarden_request_seconds", "Seconds from the first byte to the answer", ("route",), buckets=_SECONDS,
            registry=kept,
        )  # fmt: skip
        self.samples = Counter("facewarden_samples", "Photos, captures and pairs answered", ("route",), registry=kept)
        self.no_response = Counter(
            "facewarden_no_response", "Of these, how many have no result", ("route",), registry=kept
        )
        self.batch = Histogram(
            "facewarden_batch_samples", "Samples that went through a network together", ("model",),
            buckets=(1, 2, 4, 8, 16, 32, 64), registry=kept,
        )  # fmt: skip
        self.model_seconds = Histogram(
            "facewarden_model_seconds",
            "Seconds of a network for one batch",
            ("model",),
            buckets=_SECONDS,
            registry=kept,
        )
        self.wait_seconds = Histogram(
            "facewarden_wait_seconds", "Seconds that a sample waited for its batch", ("model",), buckets=_SECONDS,
            registry=kept,
        )  # fmt: skip
        self.waiting = Gauge("facewarden_waiting_samples", "Samples accepted and not answered yet", registry=kept)
        self.refused = Counter("facewarden_refused", "Requests refused by reason", ("reason",), registry=kept)
        self.jobs = Gauge("facewarden_jobs", "Jobs by state", ("state",), registry=kept)

    def text(self) -> bytes:
        """The metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
