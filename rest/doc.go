// Package rest is the management API over HTTP: an http.Handler for one
// mqtt.Server. It serves three families of routes.
//
//   - /api/v1/..., described by an OpenAPI 3.1 document at /api/v1/openapi.json
//     that is made from the very types the handlers use (huma);
//   - the routes of gmqtt (/clients, /session/{id}, /publish, ...) with its
//     form fields, JSON keys and texts;
//   - the routes of comqtt under /api/v1/mqtt where they mean the same.
//
// Every request needs a login, but for /healthz and /readyz; every change is
// written to the audit log. The package knows no files but that of its keys, no
// listeners and no configuration format: what only the program can do comes in
// as functions in Options. It uses the doors of package mqtt and no others.
package rest
