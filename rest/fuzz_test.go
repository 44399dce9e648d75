package rest

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
)

// What is imported has a topic, a payload and an encoding, or is refused.
func FuzzImport(f *testing.F) {
	for _, line := range []string{
		`{"topic":"t","payload":"x"}`, `{"topic":"t","payload_base64":"AAE=","qos":2,"message_expiry_interval":0}`,
		`{"topic":"t","payload":"x","user_properties":[{"key":"a","value":"b"}],"content_type":"c","correlation_data":"AA=="}`,
		`{`, `null`, `[]`, `{"topic":1}`, `{"payload":"\ud800"}`,
	} {
		f.Add([]byte(line))
	}
	s := mqtttest.NewServerWith(f, &mqtt.Options{SysTopicResendInterval: -1})
	f.Fuzz(func(t *testing.T, line []byte) {
		pk, err := parseImport(line)
		if err != nil {
			return
		}
		if len(pk.Payload) == 0 || !pk.Retain || pk.QoS > 2 {
			t.Fatalf("%+v", pk)
		}
		if s.PublishPacket(pk) != nil {
			return
		}
		m, ok := s.RetainedMessage(pk.Topic)
		if !ok && pk.Properties.MessageExpiryInterval > 1 || ok && !bytes.Equal(m.Payload, pk.Payload) {
			t.Fatalf("stored %t %+v of %+v", ok, m, pk)
		}
	})
}

// Whatever is asked, the answer is an HTTP status of the client's fault or of
// success, and no panic.
func FuzzRequest(f *testing.F) {
	keys, err := OpenKeys(filepath.Join(f.TempDir(), "keys"))
	if err != nil {
		f.Fatal(err)
	}
	s := mqtttest.NewServerWith(f, &mqtt.Options{SysTopicResendInterval: -1})
	var log bytes.Buffer
	h, err := New(Options{Server: s.Server, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError})), Secret: testSecret, Keys: keys})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(h.Close)
	for id, op := range operations(h) {
		f.Add(op.Method, "/api/v1"+validCalls[id].path, "application/json", []byte(validCalls[id].body))
	}
	for _, path := range []string{"/publish", "/subscribe", "/unsubscribe"} {
		f.Add("POST", path, "application/x-www-form-urlencoded", []byte("qos=1&topic=a&payload=x&clientId=c&retain=1"))
		f.Add("POST", path, "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"qos\"\r\n\r\n1\r\n--b--\r\n"))
	}
	f.Add("GET", "/sessions?page=-1&per-page=99999999999", "", []byte(nil))
	f.Add("POST", "/api/v1/mqtt/message", "application/json", []byte(`{"topic_name":"t","payload":"x","qos":1}`))
	f.Fuzz(func(t *testing.T, method, target, kind string, body []byte) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") || strings.HasPrefix(u.Path, "/api/v1/events") || strings.HasPrefix(u.Path, "/api/v1/messages") || strings.HasPrefix(u.Path, "/api/v1/trace") {
			return // streams do not end
		}
		r, err := http.NewRequestWithContext(t.Context(), method, target, io.NopCloser(bytes.NewReader(body)))
		if err != nil {
			return
		}
		r.RemoteAddr, r.ContentLength = "127.0.0.1:1", int64(len(body))
		r.SetBasicAuth(AdminUser, testSecret)
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 501 || log.Len() > 0 {
			t.Fatalf("%s %s: %d %s\n%s", method, target, w.Code, w.Body, &log)
		}
	})
}
