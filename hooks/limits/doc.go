// Package limits has a hook that protects a broker from too much: connections
// per user, address and listener, connects per second, messages and bytes per
// second, topics that are too long or too deep, and clients that come and go all
// the time. Its list of bans survives a restart. It knows nothing of
// access rules, and is added before the hooks that do: what it refuses, they
// are not asked about.
package limits
