// Package config says what a broker process can be told, in one struct with
// defaults, and reads files that say it: for now the JSON file of hmq. It only
// reads and checks; what the settings do is known by internal/app. It knows no
// command line, no listener and no broker.
package config
