// Package bine holds the words of the domain: names and ids, states, kinds of
// error, and the records that cross two layers. It imports the standard
// library only, and every other package may import it.
//
// A record is written once, here. Its JSON form is what the REST API answers,
// what workflow histories hold and what the clients decode, so a field that
// must not leave the server (a password hash, a sealed secret) never appears
// in one.
package bine
