package rest

import (
	"strings"
	"testing"

	"github.com/linnetmq/linnet/mqtt"
)

func TestComqttRoutes(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t)
	c := a.lasting("c")
	c.Subscribe("t", 1)
	if err := a.server.Publish("r/1", []byte("x"), true, 0); err != nil {
		t.Fatal(err)
	}
	list := want[struct {
		Items                 []comqttClientItem
		Total, Page, PageSize int
	}](a, 200, "GET", "/api/v1/mqtt/clients?page=1&page_size=5&search=C", "")
	if list.Total != 1 || len(list.Items) != 1 {
		t.Fatalf("%+v", list)
	}
	if i := list.Items[0]; i.ID != "c" || !i.Online || i.ProtocolVersion != 5 || i.KeepAlive != 60 || strings.Join(i.TopicFilters, " ") != "t" || i.ConnectedAt == 0 {
		t.Errorf("%+v", i)
	}
	if got := want[comqttClientItem](a, 200, "GET", "/api/v1/mqtt/clients/c", ""); got.Username != "user of c" {
		t.Errorf("%+v", got)
	}
	if got := want[mqtt.Stats](a, 200, "GET", "/api/v1/mqtt/stat/overall", ""); got.ClientsConnected != 1 {
		t.Errorf("%+v", got)
	}
	if got := want[int](a, 200, "GET", "/api/v1/mqtt/stat/online", ""); got != 1 {
		t.Errorf("%d online", got)
	}
	want[map[string]any](a, 200, "GET", "/api/v1/mqtt/config", "")
	want[comqttPublish](a, 200, "POST", "/api/v1/mqtt/message", `{"topic_name":"t","payload":"hi","qos":1}`)
	if pk := c.Message(); string(pk.Payload) != "hi" {
		t.Errorf("%+v", pk)
	}
	want[any](a, 200, "DELETE", "/api/v1/mqtt/retained/r/1", "")
	want[any](a, 200, "POST", "/api/v1/mqtt/clients/c/disconnect", "")
	for _, call := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/api/v1/mqtt/clients/nobody", "", 404},
		{"POST", "/api/v1/mqtt/clients/nobody/disconnect", "", 404},
		{"DELETE", "/api/v1/mqtt/retained/r/1", "", 404},
		{"POST", "/api/v1/mqtt/message", `{`, 400},
		{"POST", "/api/v1/mqtt/message", `{"topic_name":"+"}`, 400},
	} {
		if text := want[string](a, call.status, call.method, call.path, call.body); text == "" {
			t.Errorf("%s %s: no text", call.method, call.path)
		}
	}
}
