package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/mqtt"
)

// storeCollector tells Prometheus how the store does. It reads the figures when
// it is asked.
type storeCollector struct {
	store *storage.Store
	descs map[string]*prometheus.Desc
}

// storeCollectors are those of a store; none if it is not one of ours.
func storeCollectors(store mqtt.Store) []prometheus.Collector {
	s, ok := store.(*storage.Store)
	if !ok {
		return nil
	}
	c := &storeCollector{store: s, descs: make(map[string]*prometheus.Desc)}
	for name, help := range map[string]string{
		"up":                        "Whether the store takes what must be kept (1) or has failed (0).",
		"synced":                    "Whether what it has committed survives a crash of the machine (1) or not (0).",
		"commits_total":             "Writes to the engine, each for one or more transactions.",
		"transactions_total":        "Transactions.",
		"written_bytes_total":       "Bytes of all transactions written.",
		"refused_total":             "Transactions refused for lack of space.",
		"failed_total":              "Transactions that failed.",
		"reopens_total":             "How often the engine was opened again after a failure.",
		"pending_bytes":             "Bytes on their way to the engine.",
		"corruptions_total":         "Records that could not be read.",
		"disk_bytes":                "Size of the store.",
		"memory_bytes":              "Caches and write buffers of the engine.",
		"commit_duration_seconds":   "Time from the first transaction of a write until it is done.",
		"write_duration_seconds":    "Time the engine takes for a write, with its sync.",
		"commit_batch_transactions": "Transactions in one write.",
	} {
		c.descs[name] = prometheus.NewDesc("linnet_store_"+name, help, nil, nil)
	}
	return []prometheus.Collector{c}
}

// Describe does as prometheus.Collector says.
func (c *storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range c.descs {
		out <- desc
	}
}

// Collect does as prometheus.Collector says.
func (c *storeCollector) Collect(out chan<- prometheus.Metric) {
	st := c.store.Stats()
	n := &st.Committer
	gauge := func(name string, v float64) {
		out <- prometheus.MustNewConstMetric(c.descs[name], prometheus.GaugeValue, v)
	}
	count := func(name string, v uint64) {
		out <- prometheus.MustNewConstMetric(c.descs[name], prometheus.CounterValue, float64(v))
	}
	gauge("up", yes(c.store.Err() == nil))
	gauge("synced", yes(st.Durability == kv.Disk))
	gauge("pending_bytes", float64(n.Pending))
	gauge("disk_bytes", float64(st.Engine.DiskBytes))
	gauge("memory_bytes", float64(st.Engine.MemoryBytes))
	count("commits_total", n.Commits)
	count("transactions_total", n.Submissions)
	count("written_bytes_total", n.Bytes)
	count("refused_total", n.Refused)
	count("failed_total", n.Failed)
	count("reopens_total", n.Reopens)
	count("corruptions_total", st.Corruptions+st.Engine.Corruptions)
	const nanosecond = 1e-9
	out <- constHistogram(c.descs["commit_duration_seconds"], &n.CommitTime, nanosecond)
	out <- constHistogram(c.descs["write_duration_seconds"], &n.ApplyTime, nanosecond)
	out <- constHistogram(c.descs["commit_batch_transactions"], &n.BatchSize, 1)
}

func yes(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// constHistogram is a histogram of the committer in a unit.
func constHistogram(desc *prometheus.Desc, h *kv.Histogram, unit float64) prometheus.Metric {
	buckets, total := make(map[float64]uint64), uint64(0)
	for i, n := range h.Counts {
		total += n
		if n > 0 {
			buckets[float64(h.Upper(i))*unit] = total
		}
	}
	return prometheus.MustNewConstHistogram(desc, total, float64(h.Sum)*unit, buckets)
}
