//go:build !linux

package main

import "errors"

var errLinux = errors.New("processes can be supervised on Linux only")

func supervise(string) error { return errLinux }

func become(string) error { return errLinux }
