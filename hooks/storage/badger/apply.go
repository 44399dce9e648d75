package badger

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/linnetmq/linnet/hooks/storage/internal/health"
	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Apply does as kv.KV says, always durably.
func (s *Store) Apply(b *kv.Batch, _ bool) error {
	if err := b.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.gate.Leave()
	if b.Len() == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := health.Guard(func() error {
		err := s.whole(b)
		if errors.Is(err, badger.ErrTxnTooBig) {
			return s.inPieces(b)
		}
		return err
	})
	if err != nil {
		return s.health.Fail(fmt.Errorf("commit to store %s: %w", s.dir, err))
	}
	return nil
}

// whole applies b in one transaction.
func (s *Store) whole(b *kv.Batch) error {
	txn := s.db.NewTransaction(true)
	defer txn.Discard()
	// Badger keeps keys and values until the commit; b does not change meanwhile.
	for op := range b.Ops() {
		if err := write(txn, op); err != nil {
			return err
		}
	}
	return txn.Commit()
}

func write(txn *badger.Txn, op kv.Op) error {
	switch op.Kind {
	case kv.Put:
		return txn.Set(dataKey(op.Key), op.Value)
	case kv.Delete:
		return txn.Delete(dataKey(op.Key))
	default:
		return deleteRange(txn, op.Key, op.Value)
	}
}

// deleteRange sees what txn has written so far.
func deleteRange(txn *badger.Txn, from, to []byte) error {
	// Within the prefix Badger need not look for the next key that is left.
	common := 0
	for common < min(len(from), len(to)) && from[common] == to[common] {
		common++
	}
	it := txn.NewIterator(badger.IteratorOptions{Prefix: dataKey(from[:common])})
	defer it.Close()
	for it.Seek(dataKey(from)); it.Valid(); it.Next() {
		k := it.Item().KeyCopy(nil)
		if k[0] != dataPrefix || bytes.Compare(k[1:], to) >= 0 {
			return nil
		}
		if err := txn.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// inPieces writes b down as one redo record and then applies it: redo finishes
// what a crash has left half done.
func (s *Store) inPieces(b *kv.Batch) error {
	err := s.db.Update(func(txn *badger.Txn) error { return txn.Set(redoKey, b.AppendTo(nil)) })
	if err != nil {
		return err
	}
	return s.redo()
}

// redo applies the redo record, if there is one, and removes it.
func (s *Store) redo() error {
	var b kv.Batch
	err := s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(redoKey)
		if err != nil {
			return err
		}
		return item.Value(b.UnmarshalBatch)
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("redo record: %w", err)
	}
	p := pieces{db: s.db, txn: s.db.NewTransaction(true)}
	defer func() { p.txn.Discard() }()
	for op := range b.Ops() {
		if err := p.write(op); err != nil {
			return err
		}
	}
	if err := p.next(); err != nil {
		return err
	}
	return s.db.Update(func(txn *badger.Txn) error { return txn.Delete(redoKey) })
}

// pieces writes operations with as many transactions as it takes.
type pieces struct {
	db  *badger.DB
	txn *badger.Txn
}

// write repeats what did not fit: each operation may be done twice, and a
// DeleteRange goes on with the keys that the transaction before has left.
func (p *pieces) write(op kv.Op) error {
	for {
		err := write(p.txn, op)
		if !errors.Is(err, badger.ErrTxnTooBig) {
			return err
		}
		if err := p.next(); err != nil {
			return err
		}
	}
}

func (p *pieces) next() error {
	if err := p.txn.Commit(); err != nil {
		return err
	}
	p.txn = p.db.NewTransaction(true)
	return nil
}
