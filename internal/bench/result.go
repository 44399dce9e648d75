package bench

// Result is what a run saw. Times are in microseconds, sizes in bytes.
type Result struct {
	Pattern     string `json:"pattern"`
	URL         string `json:"url"`
	Version     byte   `json:"version"`
	QoS         byte   `json:"qos"`
	Size        int    `json:"size"`
	Publishers  int    `json:"publishers"`
	Subscribers int    `json:"subscribers"`

	// What was verified, over the whole run: every message published must come
	// once to each receiver, in its publisher's order, as it was sent.
	Published      int64 `json:"published"`
	Expected       int64 `json:"expected"`
	Received       int64 `json:"received"`
	Lost           int64 `json:"lost"`
	Duplicates     int64 `json:"duplicates"`
	Disordered     int64 `json:"disordered"`
	Corrupt        int64 `json:"corrupt"`
	Unacknowledged int64 `json:"unacknowledged"`

	// What was measured, after the warm-up: Messages delivered (published,
	// where nobody receives them) in Seconds.
	Messages           int64    `json:"messages"`
	Seconds            float64  `json:"seconds"`
	MessagesPerSecond  float64  `json:"messages_per_second"`
	MegabytesPerSecond float64  `json:"megabytes_per_second"`
	Latency            *Latency `json:"latency_us,omitempty"`

	// CPU per message, and the broker's resident memory at the end. Those of
	// the broker are 0 unless its process was named.
	BrokerCPU    float64 `json:"broker_cpu_us"`
	ClientCPU    float64 `json:"client_cpu_us"`
	BrokerMemory int64   `json:"broker_memory"`

	// Figures are those that only some patterns have.
	Figures []Figure `json:"figures,omitempty"`
	// Error is why the run ended early.
	Error string `json:"error,omitempty"`
}

// Latency is the distribution of the times from when a message was due (or
// sent, without a rate) until it was received, or acknowledged where nobody
// receives it; of the pattern connect, the times from dialling to CONNACK.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// Figure is one more number of a pattern.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

// OK reports that the run came to its end and that the broker lost, repeated,
// disordered and altered nothing. At QoS 1 the protocol permits repeating.
func (r *Result) OK() bool {
	return r.Error == "" && r.Lost == 0 && r.Disordered == 0 && r.Corrupt == 0 && r.Unacknowledged == 0 &&
		(r.Duplicates == 0 || r.QoS == 1)
}

// Figure returns the value of a figure, 0 if the pattern has none of that name.
func (r *Result) Figure(name string) float64 {
	for _, f := range r.Figures {
		if f.Name == name {
			return f.Value
		}
	}
	return 0
}

func (r *Result) figure(name string, value float64, unit string) {
	r.Figures = append(r.Figures, Figure{Name: name, Value: value, Unit: unit})
}

func (r *Result) finish(err error) {
	if err != nil {
		r.Error = err.Error()
	}
}
