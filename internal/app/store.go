package app

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/linnetmq/linnet/hooks/storage"
	"github.com/linnetmq/linnet/hooks/storage/kv"
	"github.com/linnetmq/linnet/hooks/storage/pebble"
	"github.com/linnetmq/linnet/internal/config"
)

// storeCommand is what the store commands share.
type storeCommand struct {
	std  streams
	data string
	json bool
}

func newStore(std streams) *cobra.Command {
	s := &storeCommand{std: std}
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Check, back up and repair the broker's store",
		Long: `Work on the store of a broker that is not running: sessions, queued and retained
messages, in the directory "store" of the data directory.`,
		Args: noCommand,
		RunE: func(*cobra.Command, []string) error { return usagef("store: name a command") },
	}
	cmd.PersistentFlags().StringVar(&s.data, "data", config.DefaultData, "the broker's data `directory`")
	cmd.AddCommand(s.newCheck(), s.newStats(), s.newDump(), s.newCompact(), s.newBackup(), s.newRestore(), s.newSalvage())
	return cmd
}

// on makes the RunE of a command without arguments.
func (s *storeCommand) on(do func(offlineStore) error) func(*cobra.Command, []string) error {
	return func(*cobra.Command, []string) error {
		store, err := findStore(s.data)
		if err != nil {
			return err
		}
		return do(store)
	}
}

// withPath makes the Args of a command with one argument.
func withPath(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usagef("%s: name %s", cmd.CommandPath(), what)
		}
		return nil
	}
}

func (s *storeCommand) newCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "Verify every record; exit code 1 if anything is damaged",
		Args:  noArgs,
		RunE:  s.on(s.check),
	}
}

func (s *storeCommand) check(store offlineStore) error {
	return store.use(func(opened kv.KV) error {
		found, err := storage.Check(opened, store.dir, func(p *storage.Problem) { tell(s.std.err, "%v\n", p) })
		if err != nil {
			return store.explain(err)
		}
		if found.Damaged > 0 {
			return fmt.Errorf("store %s: %d problems in %d records", store.dir, found.Damaged, records(found))
		}
		_, err = fmt.Fprintf(s.std.out, "store %s: %d records, all whole\n", store.dir, records(found))
		return err
	})
}

func records(found *storage.Inventory) (n int64) {
	for _, c := range found.Records {
		n += c.Records
	}
	return n
}

func (s *storeCommand) newStats() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "Count the records and their bytes",
		Args:  noArgs,
		RunE:  s.on(s.stats),
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "write JSON")
	return cmd
}

// storeStats is what stats prints.
type storeStats struct {
	Engine    string             `json:"engine"`
	Directory string             `json:"directory"`
	DiskBytes uint64             `json:"disk_bytes"`
	Inventory *storage.Inventory `json:"inventory"`
}

func (s *storeCommand) stats(store offlineStore) error {
	return store.use(func(opened kv.KV) error {
		found, err := storage.Check(opened, store.dir, func(*storage.Problem) {})
		if err != nil {
			return store.explain(err)
		}
		stats := storeStats{Engine: store.name, Directory: store.dir, Inventory: found}
		if e, ok := opened.(kv.Stater); ok {
			stats.DiskBytes = e.Stats().DiskBytes
		}
		if s.json {
			return json.NewEncoder(s.std.out).Encode(stats)
		}
		return stats.write(s.std.out)
	})
}

func (stats *storeStats) write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	var b strings.Builder
	fmt.Fprintf(&b, "records\tbytes\t \n")
	found := stats.Inventory
	names := make([]storage.Kind, 0, len(found.Records))
	for kind := range found.Records {
		names = append(names, kind)
	}
	slices.Sort(names)
	for _, kind := range names {
		fmt.Fprintf(&b, "%d\t%d\t  %s\n", found.Records[kind].Records, found.Records[kind].Bytes, kind)
	}
	fmt.Fprintf(&b, "%d\t\t  references to shared bodies\n", found.Shared)
	fmt.Fprintf(&b, "%d\t\t  references without a body, released\n", found.Released)
	fmt.Fprintf(&b, "%d\t\t  bodies nobody needs\n", found.Unneeded)
	fmt.Fprintf(&b, "%d\t\t  records of unknown sessions\n", found.Orphans)
	fmt.Fprintf(&b, "%d\t\t  damaged\n", found.Damaged)
	fmt.Fprintf(&b, "\t%d\t  on the disk\n", stats.DiskBytes)
	if _, err := fmt.Fprintf(out, "%s store %s, format %d\n", stats.Engine, stats.Directory, found.FormatVersion); err != nil {
		return err
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	return w.Flush()
}

func (s *storeCommand) newDump() *cobra.Command {
	return &cobra.Command{
		Use:   "dump",
		Short: "Write every record as a line of JSON",
		Long: `Write every record as a line of JSON, in the order of the keys. Payloads and
properties are base64. It shows everything that clients sent.`,
		Args: noArgs,
		RunE: s.on(s.dump),
	}
}

func (s *storeCommand) dump(store offlineStore) error {
	return store.use(func(opened kv.KV) error {
		out := bufio.NewWriter(s.std.out)
		encoder := json.NewEncoder(out)
		damaged := 0
		var failed error
		err := storage.Records(opened, store.dir, func(key, _ []byte, r *storage.Record, err error) bool {
			if err != nil {
				damaged++
				tell(s.std.err, "%s record, key %q: %v\n", r.Kind, key, err)
				return true
			}
			failed = encoder.Encode(r)
			return failed == nil
		})
		if err = errors.Join(err, failed, out.Flush()); err != nil {
			return store.explain(err)
		}
		if damaged > 0 {
			return fmt.Errorf("store %s: %d records cannot be read", store.dir, damaged)
		}
		return nil
	})
}

func (s *storeCommand) newCompact() *cobra.Command {
	return &cobra.Command{
		Use:   "compact",
		Short: "Remove what nobody needs and give space back",
		Args:  noArgs,
		RunE:  s.on(s.compact),
	}
}

func (s *storeCommand) compact(store offlineStore) error {
	opened, err := storage.New(func() (kv.KV, error) { return store.open(store.dir) }, storage.Options{Name: store.dir})
	if err != nil {
		return store.explain(err)
	}
	before := opened.Stats().Engine.DiskBytes
	err = opened.Compact()
	after := opened.Stats().Engine.DiskBytes
	if err = errors.Join(err, opened.Close()); err != nil {
		return store.explain(err)
	}
	_, err = fmt.Fprintf(s.std.out, "store %s: %d bytes on the disk, %d before\n", store.dir, after, before)
	return err
}

func (s *storeCommand) newBackup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup <directory>",
		Short: "Copy the store to a directory that does not exist yet, and verify the copy",
		Args:  withPath("a directory for the backup, which does not exist yet"),
		RunE: func(_ *cobra.Command, args []string) error {
			return s.on(func(store offlineStore) error { return s.backup(store, args[0]) })(nil, nil)
		},
	}
}

func (s *storeCommand) backup(store offlineStore, dir string) error {
	return store.use(func(opened kv.KV) error {
		source, ok := opened.(kv.Snapshotter)
		if !ok {
			return fmt.Errorf("a %s store cannot be copied while it is open: copy %s", store.name, store.dir)
		}
		m, err := storage.Backup(source, dir, store.name, store.open)
		if err != nil {
			return store.explain(err)
		}
		if m.Inventory.Damaged > 0 {
			return fmt.Errorf("backup %s is written, with %d problems that the store has: \"linnet store check\" lists them", dir, m.Inventory.Damaged)
		}
		_, err = fmt.Fprintf(s.std.out, "backup %s: %d records, all whole\n", dir, records(&m.Inventory))
		return err
	})
}

func (s *storeCommand) newRestore() *cobra.Command {
	return &cobra.Command{
		Use:   "restore <backup>",
		Short: "Make the store from a backup, verified; the data directory must not have one",
		Args:  withPath("the directory of a backup"),
		RunE:  func(_ *cobra.Command, args []string) error { return s.restore(args[0]) },
	}
}

func (s *storeCommand) restore(dir string) error {
	m, err := storage.ReadManifest(dir)
	if err != nil {
		return err
	}
	with, known := engines[m.Engine]
	if !known {
		return fmt.Errorf("backup %s is of a store of kind %q, which this release does not know", dir, m.Engine)
	}
	target, err := newStoreDir(s.data)
	if err != nil {
		return err
	}
	if m, err = storage.Restore(dir, target, with.open); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.std.out, "store %s: %d records restored, as of %s\n", target, records(&m.Inventory), m.Made.Format("2006-01-02 15:04:05 UTC"))
	return err
}

func (s *storeCommand) newSalvage() *cobra.Command {
	return &cobra.Command{
		Use:   "salvage <directory>",
		Short: "Copy what can be read of a damaged store into a new data directory",
		Long: `Copy every record that can be read of a damaged store into the store of a new
data directory, and list what is lost. The damaged store is not changed. When
the result is good, give it to the broker with --data, or put its directory
"store" in the place of the damaged one.`,
		Args: withPath("a new data directory for what is recovered"),
		RunE: func(_ *cobra.Command, args []string) error {
			return s.on(func(store offlineStore) error { return s.salvage(store, args[0]) })(nil, nil)
		},
	}
}

func (s *storeCommand) salvage(store offlineStore, data string) error {
	target, err := newStoreDir(data)
	if err != nil {
		return err
	}
	lost := 0
	lose := func(what string) {
		lost++
		tell(s.std.err, "lost: %s\n", what)
	}
	from, cleanUp, err := store.openDamaged(target, lose)
	if err != nil {
		return err
	}
	to, err := store.open(target)
	if err != nil {
		return errors.Join(err, from.Close(), cleanUp())
	}
	copied, err := storage.Salvage(from, to, store.dir, func(p *storage.Problem) { lose(p.Error()) })
	if err = errors.Join(err, to.Close(), from.Close(), cleanUp()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.std.out, "store %s: %d records recovered, %d losses\n", target, records(copied), lost)
	return err
}

// openDamaged opens a store that may be damaged for reading.
func (s offlineStore) openDamaged(target string, lost func(string)) (opened kv.KV, cleanUp func() error, err error) {
	if s.name != "pebble" {
		opened, err = s.open(s.dir)
		return opened, func() error { return nil }, err
	}
	work := target + ".work"
	opened, err = engineOf(pebble.OpenSalvage(s.dir, work, lost))
	cleanUp = func() error { return os.RemoveAll(work) }
	if err != nil {
		err = errors.Join(err, cleanUp())
	}
	return opened, cleanUp, err
}
