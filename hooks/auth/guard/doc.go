// Package guard stands between clients that log in and the place where their
// passwords are verified, and keeps an attack on passwords from costing others
// anything:
//
//   - a verified password is remembered as a keyed MAC until the source changes,
//     so that a client that comes back costs microseconds;
//   - wrong passwords are counted for each address and each user name, and who
//     has had too many is refused before anything is hashed. Where a user has
//     logged in from an address before, that pair has a count of its own: others
//     can neither lock it out nor be locked out by it;
//   - few passwords are hashed at a time, few wait, and none longer than the
//     client may take to connect; logins with the same name and password are
//     hashed once, and while most passwords are wrong, hashing pauses between
//     them, so that it takes a tenth of the time it could;
//   - a wrong password is answered after a delay, the same for every reason.
//
// It knows package mqtt, and of the source only the interface Source.
package guard
