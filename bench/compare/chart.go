package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"maps"
	"math"
	"slices"
)

// chart is a plot of horizontal bars: for each group one bar of every series.
type chart struct {
	title  string
	series []string
	groups []group
	format string
	log    bool // for values of different magnitudes
}

// group is what is compared; its values are in the order of the series, 0 where
// there is none.
type group struct {
	name   string
	values []float64
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// charts returns the plots by file name, those that have anything to show.
func (r *report) charts() map[string]*chart {
	all := map[string]*chart{
		"throughput.svg": r.chart("Messages per second, of the best", "%.2f", false, func(c *testCase) []column {
			if cols := columns(c.Config.Pattern); cols[0].name == "msg/s" {
				return cols[:1]
			}
			return nil
		}).relative(),
		"cpu.svg": r.chart("CPU time of the broker per message, us", "%.2f", true, func(c *testCase) []column {
			if cols := columns(c.Config.Pattern); len(cols) > 1 && cols[1].name == "broker CPU us/msg" {
				return cols[1:2]
			}
			return nil
		}),
		"latency.svg": r.chart("Latency at a fixed rate, us", "%.0f", true, func(c *testCase) []column {
			if c.Config.Pattern == "latency" {
				return columns("latency")[:4]
			}
			return nil
		}),
		"memory.svg": r.chart("Memory of an idle connection, bytes", "%.0f", false, func(c *testCase) []column {
			if c.Config.Pattern == "connect" {
				return []column{{"", figure("memory per connection"), true, ""}}
			}
			return nil
		}),
	}
	maps.DeleteFunc(all, func(_ string, c *chart) bool { return len(c.groups) == 0 })
	return all
}

// chart collects the medians of some columns of every case.
func (r *report) chart(title, format string, log bool, pick func(*testCase) []column) *chart {
	c := &chart{title: title, format: format, log: log}
	for _, b := range r.field {
		c.series = append(c.series, b.Name)
	}
	for i := range r.cases {
		for _, col := range pick(&r.cases[i]) {
			g := group{name: r.cases[i].Name}
			if r.cases[i].Config.Pattern == "latency" {
				g.name += ", " + col.name
			}
			for _, b := range r.field {
				v, _ := r.median(b.Name, r.cases[i].Name, col)
				g.values = append(g.values, v)
			}
			c.groups = append(c.groups, g)
		}
	}
	return c
}

// relative divides every group by its best.
func (c *chart) relative() *chart {
	for _, g := range c.groups {
		if best := slices.Max(g.values); best > 0 {
			for i := range g.values {
				g.values[i] /= best
			}
		}
	}
	return c
}

// colours are distinguishable for colour-blind readers, too (Okabe and Ito).
var colours = []string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999", "#000000"}

// Measures of the plot in pixels.
const (
	labelWidth = 210
	barWidth   = 420
	valueWidth = 90
	barHeight  = 13
	headHeight = 50
	groupGap   = 8
)

// svg draws the chart.
func (c *chart) svg() []byte {
	height := headHeight + len(c.groups)*(len(c.series)*barHeight+groupGap) + 10
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="11" role="img">`+"\n", labelWidth+barWidth+valueWidth, height)
	fmt.Fprintf(&b, "<title>%s</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n", escaped(c.title))
	fmt.Fprintf(&b, "<text x=\"8\" y=\"18\" font-size=\"14\" font-weight=\"bold\">%s</text>\n", escaped(c.title))
	for i, s := range c.series {
		x := 8 + i*80
		fmt.Fprintf(&b, "<rect x=\"%d\" y=\"28\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%d\" y=\"37\">%s</text>\n", x, colours[i%len(colours)], x+14, escaped(s))
	}
	y := headHeight
	for _, g := range c.groups {
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", labelWidth-8, y+len(c.series)*barHeight/2+4, escaped(g.name))
		for i, v := range g.values {
			fmt.Fprintf(&b, "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>", labelWidth, y, c.width(v), barHeight-2, colours[i%len(colours)])
			fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%d\">%s</text>\n", labelWidth+c.width(v)+4, y+barHeight-3, c.label(v))
			y += barHeight
		}
		y += groupGap
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (c *chart) label(v float64) string {
	if v == 0 {
		return "none"
	}
	return fmt.Sprintf(c.format, v)
}

// width is the length of a value's bar. On a logarithmic scale the smallest
// value has a bar, too.
func (c *chart) width(v float64) float64 {
	smallest, largest := math.Inf(1), 0.0
	for _, g := range c.groups {
		for _, v := range g.values {
			if v > 0 {
				smallest, largest = min(smallest, v), max(largest, v)
			}
		}
	}
	switch {
	case v <= 0:
		return 0
	case !c.log:
		return v / largest * barWidth
	}
	floor := math.Log(smallest / 2)
	return (math.Log(v) - floor) / (math.Log(largest) - floor) * barWidth
}

func escaped(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}
