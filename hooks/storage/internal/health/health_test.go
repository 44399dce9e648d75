package health_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/linnetmq/linnet/hooks/storage/internal/health"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

func TestFirstFailureStays(t *testing.T) {
	t.Parallel()
	var h health.Health
	first, second := errors.New("first"), errors.New("second")
	if h.Err() != nil {
		t.Errorf("zero Health: %v", h.Err())
	}
	for _, err := range []error{h.Fail(first), h.Fail(second), h.Err()} {
		if !errors.Is(err, kv.ErrFailed) || !errors.Is(err, first) || errors.Is(err, second) {
			t.Errorf("%v; want ErrFailed because of the first", err)
		}
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	cause := errors.New("cause")
	if err := health.Guard(func() error { return cause }); !errors.Is(err, cause) {
		t.Errorf("an error becomes %v", err)
	}
	err := health.Guard(func() error { panic("page 7: invalid page type") })
	if _, ok := errors.AsType[*kv.CorruptError](err); !ok || !strings.Contains(err.Error(), "page 7") {
		t.Errorf("a panic becomes %v, want a CorruptError with its words", err)
	}
}
