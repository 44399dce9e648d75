package readme

import (
	"fmt"
	"strings"
)

// The markers, written as an HTML comment on the line before a block.
const (
	markCompile   = "test:compile"
	markRun       = "test:run"
	markRunBroker = "test:run broker"
)

// block is one fenced code block of a page.
type block struct {
	page string
	line int    // of the opening fence, from 1
	lang string // the word behind the fence
	mark string // one of the markers, or empty
	text string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// program reports whether the block is a whole Go program.
func (b block) program() bool {
	return b.lang == "go" && strings.HasPrefix(strings.TrimSpace(b.text), "package main")
}

// blocks returns the fenced code blocks of a Markdown page. A marker without a
// block, an unknown marker and a fence that stays open are errors.
func blocks(page, markdown string) ([]block, error) {
	var (
		all  []block
		open *block
		mark string
		end  string
	)
	for i, line := range strings.Split(markdown, "\n") {
		text := strings.TrimSpace(line)
		switch {
		case open != nil && text == end:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(text, "```"):
			ticks := len(text) - len(strings.TrimLeft(text, "`"))
			lang, _, _ := strings.Cut(strings.TrimSpace(text[ticks:]), " ")
			open = &block{page: page, line: i + 1, lang: lang, mark: mark}
			end, mark = text[:ticks], ""
		case strings.HasPrefix(text, "<!-- test:"):
			mark = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(text, "<!--"), "-->"))
			if mark != markCompile && mark != markRun && mark != markRunBroker {
				return nil, fmt.Errorf("%s:%d: unknown marker %q", page, i+1, mark)
			}
		case mark != "" && text != "":
			return nil, fmt.Errorf("%s:%d: the marker %q has no code block behind it", page, i+1, mark)
		}
	}
	if open != nil || mark != "" {
		return nil, fmt.Errorf("%s: a block or marker at the end stays open", page)
	}
	return all, nil
}
