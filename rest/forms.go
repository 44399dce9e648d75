package rest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// readPagesAs reads a page size by another name; 0 if it makes no sense.
func readPagesAs(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return 0
	}
	return n
}

// readComqttMessage reads the body of comqtt's POST message.
func readComqttMessage(body io.Reader) (m comqttPublish, err error) {
	text, err := io.ReadAll(body)
	if err != nil {
		return m, fmt.Errorf("read the message: %w", err)
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("the message is no JSON of the expected kind: %w", err)
	}
	return m, nil
}
