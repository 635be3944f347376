"""What the collector tells of itself, at the address of COLLECTOR_METRICS."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from billing.usage.samples import Ingested, Origin

PREFIX = "nesoi_collector_"
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Measures:
    """Counters and gauges of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.read = self._counter("read", "Runtimes read.")
        self.failed = self._counter("failed", "Attempts that gave no sight, by reason.", "reason")
        self.missed = self._counter("missed", "Slots that ended without a sight.")
        self.backfilled = self._counter("backfilled", "Missed slots that a later sight proved.")
        self.odd = self._counter("oddities", "Things in clusters that could not be measured.")
        self.lost = self._counter(
            "lost", "Samples dropped: the database was away for too long, or they could not be stored at all."
        )
        self.stored = self._counter("samples", "Samples by what became of them.", "outcome")
        self.seconds = Histogram(
            f"{PREFIX}read_seconds", "How long a runtime takes.", buckets=BUCKETS, registry=self.registry
        )
        self.behind = self._gauge("behind_seconds", "How late the next reading is.")
        self.coverage = self._gauge(
            "coverage_ratio", "Of this copy's runtimes, those that were read in the last whole slot."
        )
        self.runtimes = self._gauge("runtimes", "Runtimes of this copy.")
        self.shards = self._gauge("shards", "Shards of this copy.")
        self.copies = self._gauge("copies", "Collectors that are there.")
        self.waiting = self._gauge("waiting_samples", "Samples not stored yet.")

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(PREFIX + name, meaning, labels, registry=self.registry)

    def _gauge(self, name: str, meaning: str) -> Gauge:
        return Gauge(PREFIX + name, meaning, registry=self.registry)

    def took(self, done: Ingested, origin: Origin) -> None:
        """Count what became of a batch."""
        self.stored.labels("accepted").inc(done.accepted)
        self.stored.labels("duplicate").inc(done.duplicates)
        self.stored.labels("quarantined").inc(len(done.quarantined))
        self.stored.labels("refused").inc(len(done.refused))
        if origin is Origin.BACKFILL:
            self.backfilled.inc(done.accepted)
