package redis

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/linnetmq/linnet/hooks/storage/kv"
)

// In all scripts KEYS are {p}:k, {p}:v, {p}:fence and {p}:owner. Redis runs each
// as a whole and logs its writes as one transaction.

// acquireScript: ARGV owner, lease in ms. Returns the new number.
var acquireScript = redis.NewScript(`
local owner = redis.call('GET', KEYS[4])
if owner and owner ~= ARGV[1] then return redis.error_reply('LINNETLOCKED ' .. owner) end
local n = redis.call('INCR', KEYS[3])
redis.call('SET', KEYS[4], ARGV[1], 'PX', ARGV[2])
return n`)

const checkFence = `
local fence = redis.call('GET', KEYS[3])
if fence ~= ARGV[1] then return redis.error_reply('LINNETFENCED ' .. tostring(fence)) end
`

// renewScript: ARGV number, owner, lease in ms.
var renewScript = redis.NewScript(checkFence + `
redis.call('SET', KEYS[4], ARGV[2], 'PX', ARGV[3])
return 1`)

// releaseScript: ARGV number.
var releaseScript = redis.NewScript(checkFence + `
redis.call('DEL', KEYS[4])
return 1`)

// applyScript: ARGV number, operations as encode writes them. One string rather
// than an argument each, since Redis limits their number.
var applyScript = redis.NewScript(checkFence + `
local ops, pos = ARGV[2], 1
while pos <= #ops do
	local kind, klen, vlen
	kind, klen, vlen, pos = struct.unpack('>BI4I4', ops, pos)
	local k = string.sub(ops, pos, pos + klen - 1)
	pos = pos + klen
	local v = string.sub(ops, pos, pos + vlen - 1)
	pos = pos + vlen
	if kind == 1 then
		redis.call('HSET', KEYS[2], k, v)
		redis.call('ZADD', KEYS[1], 0, k)
	elseif kind == 2 then
		redis.call('HDEL', KEYS[2], k)
		redis.call('ZREM', KEYS[1], k)
	else
		repeat
			local gone = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. k, '(' .. v, 'LIMIT', 0, 4000)
			if #gone > 0 then
				redis.call('HDEL', KEYS[2], unpack(gone))
				redis.call('ZREM', KEYS[1], unpack(gone))
			end
		until #gone < 4000
	end
end
return 1`)

// encode appends the operations of b: kind, length of key, length of value, key,
// value. The kinds are those of package kv.
func encode(dst []byte, b *kv.Batch) []byte {
	for op := range b.Ops() {
		dst = append(dst, byte(op.Kind))
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(op.Key)))
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(op.Value)))
		dst = append(dst, op.Key...)
		dst = append(dst, op.Value...)
	}
	return dst
}

// replyError gives the server's answers their meaning.
func replyError(err error) error {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "LINNETLOCKED "):
		return fmt.Errorf("another linnet (%s) uses it: stop that one or choose another prefix: %w",
			strings.TrimPrefix(text, "LINNETLOCKED "), kv.ErrLocked)
	case strings.HasPrefix(text, "LINNETFENCED false"):
		return errors.New("the server has lost the store's data")
	case strings.HasPrefix(text, "LINNETFENCED "):
		return kv.ErrFenced
	case strings.Contains(text, "OOM command not allowed"):
		// The script ends before its first write: nothing was changed.
		return fmt.Errorf("%w: %w", kv.ErrNoSpace, err)
	}
	return err
}
