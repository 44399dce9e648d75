package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
)

// allowed is the comment that excuses a line from the rules of this file, with
// the reason: //arch:ok the path of a URL, not a topic
var allowed = regexp.MustCompile(`^//arch:ok \S+ \S+`)

// splitters take a string apart at a separator.
var splitters = map[string]bool{
	"Split": true, "SplitN": true, "SplitAfter": true, "SplitAfterN": true,
	"SplitSeq": true, "SplitAfterSeq": true, "Cut": true,
}

// sourceComplaints returns what is wrong with one source file that is not a
// test: goroutines nobody waits for, and topics split outside package topics.
func sourceComplaints(name string, src []byte) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	excused := map[int]bool{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if allowed.MatchString(c.Text) {
				excused[fset.Position(c.Pos()).Line] = true
			}
		}
	}
	var all []string
	complain := func(n ast.Node, what string) {
		if line := fset.Position(n.Pos()).Line; !excused[line] {
			all = append(all, fmt.Sprintf("%s:%d: %s; excuse a line with //arch:ok and the reason", name, line, what))
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			complain(n, "a go statement has no owner that waits: use sync.WaitGroup.Go in a struct whose Close waits")
		case *ast.CallExpr:
			if splitsOnSlash(n) && !strings.HasPrefix(name, "topics/") {
				complain(n, "only package topics takes topics apart")
			}
		}
		return true
	})
	return all, nil
}

// splitsOnSlash reports a call like strings.Split(x, "/").
func splitsOnSlash(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !splitters[sel.Sel.Name] || len(call.Args) < 2 {
		return false
	}
	if pkg, ok := sel.X.(*ast.Ident); !ok || pkg.Name != "strings" && pkg.Name != "bytes" {
		return false
	}
	slash := false
	ast.Inspect(call.Args[1], func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && (lit.Value == `"/"` || lit.Value == "`/`" || lit.Value == `'/'`) {
			slash = true
		}
		return true
	})
	return slash
}
