package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Test is a Test or Fuzz function that carries a statement's number.
type Test struct {
	File string // slash separated, from the root of the repository
	Name string
}

// Tags tells for each statement id the tests which carry it, sorted.
type Tags map[string][]Test

var (
	anyTag   = regexp.MustCompile(`\[MQTT[^\]\n]*\]`)
	validTag = regexp.MustCompile(`^\[(MQTT|MQTT311)-\d+\.\d+\.\d+-\d+\]$`)
	nameTag  = regexp.MustCompile(`(MQTT|MQTT311)_(\d+)_(\d+)_(\d+)_(\d+)`)
)

// decl is a top level declaration of a test file: its tags, and the names it
// mentions, through which a test owns the tags of its tables and helpers.
type decl struct {
	test     Test
	isTest   bool
	tags     map[string]token.Pos
	mentions map[string]bool
}

// Scan reads every *_test.go file below root. A tag counts for the test that
// contains it, in a comment, in a string or in its name, and for every test
// that uses the table or helper which contains it. Tags that no test owns and
// malformed tags are errors, each with its file and line.
func Scan(root fs.FS) (Tags, error) {
	s := &scanner{fset: token.NewFileSet(), dirs: map[string][]*decl{}}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && skipDir(name):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, "_test.go"):
			return nil
		}
		src, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		return s.file(name, src)
	})
	if err != nil {
		return nil, err
	}
	tags := Tags{}
	for _, dir := range sortedKeys(s.dirs) {
		s.collect(s.dirs[dir], tags)
	}
	for id := range tags {
		slices.SortFunc(tags[id], func(a, b Test) int {
			return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Name, b.Name))
		})
	}
	return tags, errors.Join(s.errs...)
}

// skipDir leaves out folders the go command ignores, and this package, whose
// tests are about tags.
func skipDir(name string) bool {
	base := path.Base(name)
	return name == "internal/conformance" || base == "testdata" || base == "node_modules" ||
		name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_"))
}

type scanner struct {
	fset *token.FileSet
	dirs map[string][]*decl
	errs []error
}

func (s *scanner) errorf(pos token.Pos, format string, args ...any) {
	at := s.fset.Position(pos)
	s.errs = append(s.errs, fmt.Errorf("%s:%d: %s", at.Filename, at.Line, fmt.Sprintf(format, args...)))
}

func (s *scanner) file(name string, src []byte) error {
	f, err := parser.ParseFile(s.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Errorf("read tags: %w", err)
	}
	owned := map[*ast.CommentGroup]bool{}
	for _, d := range f.Decls {
		start := d.Pos()
		if doc := docOf(d); doc != nil {
			start = doc.Pos()
		}
		for _, group := range f.Comments {
			if start <= group.Pos() && group.End() <= lineEnd(s.fset, d.End()) {
				owned[group] = true
			}
		}
		s.declaration(name, f, d, start)
	}
	for _, group := range f.Comments {
		if !owned[group] && anyTag.MatchString(group.Text()) {
			s.errorf(group.Pos(), "%s stands outside of any declaration: put it in the test that shows it, or in its doc comment",
				anyTag.FindString(group.Text()))
		}
	}
	return nil
}

// lineEnd is the end of pos's line, so that a comment behind a closing brace
// still belongs to the declaration.
func lineEnd(fset *token.FileSet, pos token.Pos) token.Pos {
	file := fset.File(pos)
	line := file.Line(pos)
	if line == file.LineCount() {
		return token.Pos(file.Base() + file.Size())
	}
	return file.LineStart(line + 1)
}

func docOf(d ast.Decl) *ast.CommentGroup {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return d.Doc
	case *ast.GenDecl:
		return d.Doc
	}
	return nil
}

// declaration notes one decl for each name that d declares.
func (s *scanner) declaration(name string, f *ast.File, d ast.Decl, start token.Pos) {
	tags := map[string]token.Pos{}
	mentions := map[string]bool{}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			mentions[n.Name] = true
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				s.note(tags, n.Pos(), n.Value)
			}
		}
		return true
	})
	for _, group := range f.Comments {
		if start <= group.Pos() && group.End() <= lineEnd(s.fset, d.End()) {
			for _, c := range group.List {
				s.note(tags, c.Pos(), c.Text)
			}
		}
	}
	for _, declared := range namesOf(d) {
		for _, m := range nameTag.FindAllStringSubmatch(declared, -1) {
			tags[fmt.Sprintf("%s-%s.%s.%s-%s", m[1], m[2], m[3], m[4], m[5])] = d.Pos()
		}
		_, isFunc := d.(*ast.FuncDecl)
		one := &decl{test: Test{File: name, Name: declared}, isTest: isFunc && isTestName(declared), tags: tags, mentions: mentions}
		s.dirs[path.Dir(name)] = append(s.dirs[path.Dir(name)], one)
	}
}

func namesOf(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		return []string{d.Name.Name}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					names = append(names, id.Name)
				}
			case *ast.TypeSpec:
				names = append(names, spec.Name.Name)
			}
		}
		return names
	}
	return nil
}

func isTestName(name string) bool {
	return name != "TestMain" && (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"))
}

func (s *scanner) note(tags map[string]token.Pos, pos token.Pos, text string) {
	for _, tag := range anyTag.FindAllString(text, -1) {
		if !validTag.MatchString(tag) {
			s.errorf(pos, "%s is no tag: write [MQTT-x.y.z-n] or [MQTT311-x.y.z-n], one number in each", tag)
			continue
		}
		tags[strings.Trim(tag, "[]")] = pos
	}
}

// collect gives the tags of one folder's declarations to the tests which
// reach them.
func (s *scanner) collect(decls []*decl, tags Tags) {
	byName := map[string][]*decl{}
	for _, d := range decls {
		byName[d.test.Name] = append(byName[d.test.Name], d)
	}
	reached := map[*decl]bool{}
	for _, d := range decls {
		if !d.isTest {
			continue
		}
		seen := map[*decl]bool{}
		reach(d, byName, seen)
		carried := map[string]bool{}
		for r := range seen {
			reached[r] = true
			for id := range r.tags {
				carried[id] = true
			}
		}
		for id := range carried {
			tags[id] = append(tags[id], d.test)
		}
	}
	for _, d := range decls {
		for _, id := range sortedKeys(d.tags) {
			if !reached[d] {
				s.errorf(d.tags[id], "[%s] stands in %s, which no test uses", id, d.test.Name)
			}
		}
	}
}

func reach(d *decl, byName map[string][]*decl, seen map[*decl]bool) {
	if seen[d] {
		return
	}
	seen[d] = true
	for name := range d.mentions {
		for _, next := range byName[name] {
			if !next.isTest {
				reach(next, byName, seen)
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
