package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/linnetmq/linnet/internal/config"
)

// apiTimeout bounds the requests of commands, but for streams.
const apiTimeout = 30 * time.Second

// apiFlags say where the management API is and who asks.
type apiFlags struct {
	url, key, keyFile, data string
	json                    bool
}

func (f *apiFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "api", "", "`URL` of the management API (default: $LINNET_API, or what the data directory says)")
	flags.StringVar(&f.key, "api-key", "", "API `key` (default: $LINNET_API_KEY, or the secret in the data directory)")
	flags.StringVar(&f.keyFile, "api-key-file", "", "`file` whose first line is the API key")
	flags.StringVar(&f.data, "data", first(os.Getenv("LINNET_DATA_DIR"), config.DefaultData), "data `directory` of the broker, to find its API and the secret")
	flags.BoolVar(&f.json, "json", false, "print JSON, lists one entry on each line")
}

// client finds the API: flags win over the environment, and that over the data
// directory.
func (f *apiFlags) client() (*apiClient, error) {
	c := &apiClient{base: first(f.url, os.Getenv("LINNET_API"))}
	if c.base == "" {
		text, err := os.ReadFile(filepath.Join(f.data, adminURLFile))
		switch {
		case err == nil:
			c.base = strings.TrimSpace(string(text))
		case errors.Is(err, fs.ErrNotExist):
			c.base = "http://" + config.DefaultAdmin
		default:
			return nil, fmt.Errorf("find the management API: %w", err)
		}
	}
	c.base = strings.TrimSuffix(c.base, "/")
	if u, err := url.Parse(c.base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, usagef("URL of the management API %q: write it like http://127.0.0.1:8081", c.base)
	}
	return c, f.credentials(c)
}

func (f *apiFlags) credentials(c *apiClient) error {
	if f.keyFile != "" {
		text, err := os.ReadFile(f.keyFile)
		if err != nil {
			return fmt.Errorf("read the API key: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		c.key = strings.TrimSpace(line)
		return nil
	}
	if c.key = first(f.key, os.Getenv("LINNET_API_KEY")); c.key != "" {
		return nil
	}
	path := filepath.Join(f.data, secretFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("no login for the management API: give --api-key or LINNET_API_KEY, or with --data the broker's data directory (%w)", err)
	}
	c.secret = strings.TrimSpace(string(text))
	return nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// apiClient speaks to the management API.
type apiClient struct {
	base, key, secret string
}

// apiError is a refusal by the API.
type apiError struct {
	status int
	text   string
}

// Error says what the API said.
func (e *apiError) Error() string { return e.text }

// call makes a request. in, if not nil, is sent as JSON; out, if not nil, takes
// the JSON of the answer.
func (c *apiClient) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	var body io.Reader = http.NoBody
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	answer, err := c.open(ctx, method, path, query, body, "application/json")
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }() // it was only read
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer).Decode(out); err != nil {
		return fmt.Errorf("the answer of %s: %w", c.base, err)
	}
	return nil
}

// open makes a request and returns the body of a good answer, which the caller
// closes.
func (c *apiClient) open(ctx context.Context, method, path string, query url.Values, body io.Reader, kind string) (io.ReadCloser, error) {
	target := c.base + "/api/v1" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, usagef("%w", err)
	}
	if body != http.NoBody {
		r.Header.Set("Content-Type", kind)
	}
	if c.key != "" {
		r.Header.Set("Authorization", "Bearer "+c.key)
	} else {
		r.SetBasicAuth("admin", c.secret)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("%w; is the broker running, and this its management API?", err)
	}
	if resp.StatusCode < http.StatusMultipleChoices {
		return resp.Body, nil
	}
	defer func() { _ = resp.Body.Close() }() // the error that matters is the answer
	return nil, refusalOf(resp)
}

// refusalOf reads a problem document.
func refusalOf(resp *http.Response) error {
	var p struct {
		Detail string
		Errors []struct{ Message, Location string }
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(text, &p) != nil || p.Detail == "" {
		p.Detail = strings.ToLower(http.StatusText(resp.StatusCode))
	}
	for _, e := range p.Errors {
		p.Detail += "; " + strings.TrimSpace(e.Location+" "+e.Message)
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		p.Detail = "the management API does not accept this login: look at --api-key and --data"
	case http.StatusUnprocessableEntity:
		return usagef("%s", p.Detail)
	}
	return &apiError{resp.StatusCode, p.Detail}
}
