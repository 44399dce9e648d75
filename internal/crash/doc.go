// Package crash proves what an acknowledgement of the broker is worth. Run
// drives a broker with random MQTT clients over real connections, ends it
// without a warning at random moments, starts it again on what is left of its
// data, and has a Checker compare what clients were told with what they got.
//
// The clients write down, in one order, what they sent, what was acknowledged
// and what they received. The Checker knows the rules and nothing of the
// broker's code, so it can look at histories made by hand as well. A Broker is
// either a process that is killed (Process), or one inside this process over a
// disk that forgets what was not synced (InProcess).
//
// Only tests, and the command in cmd, may use it.
package crash
