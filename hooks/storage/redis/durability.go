package redis

import (
	"context"
	"strings"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// Durability returns kv.Disk if the server keeps an append-only file and syncs
// it before it answers: with appendfsync always, or because Apply asks it to
// (WAITAOF, Redis 7.2 or later). Else, or if the server does not tell, it returns
// kv.Volatile. It follows the server's settings with the heartbeat.
func (s *Store) Durability() kv.Durability {
	if s.synced.Load() {
		return kv.Disk
	}
	return kv.Volatile
}

func (s *Store) askDurability(ctx context.Context) error {
	settings, err := s.client.ConfigGet(ctx, "append*").Result()
	if err != nil { // hosted servers forbid the question
		if ctx.Err() != nil {
			return err
		}
		settings = nil
	}
	aof := settings["appendonly"] == "yes"
	always := aof && settings["appendfsync"] == "always"
	wait := aof && !always && s.knowsWaitAOF(ctx)
	s.waitAOF.Store(wait)
	s.synced.Store(always || wait)
	return nil
}

func (s *Store) knowsWaitAOF(ctx context.Context) bool {
	info, err := s.client.Do(ctx, "COMMAND", "INFO", "WAITAOF").Slice()
	if err != nil || len(info) == 0 {
		return false
	}
	command, ok := info[0].([]any)
	if !ok || len(command) == 0 {
		return false
	}
	name, ok := command[0].(string)
	return ok && strings.EqualFold(name, "waitaof")
}
