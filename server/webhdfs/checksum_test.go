package webhdfs

import (
	"bytes"
	"strings"
	"testing"
	"testing/iotest"
)

// The first sum is the one that HDFS is known to give for an empty file: the
// MD5 of 32 zeros.
func TestHDFSChecksum(t *testing.T) {
	sum, err := hdfsChecksum(strings.NewReader(""), blockSize)
	if want := (fileChecksum{"MD5-of-0MD5-of-0CRC32", "00000000" + "0000000000000000" + "70bc8f4b72a86921468bf8e8441dce51", 28}); err != nil || sum != want {
		t.Errorf("an empty file has %+v, %v, want %+v", sum, err, want)
	}
	one, _ := hdfsChecksum(bytes.NewReader(make([]byte, 1024)), 1024)
	two, _ := hdfsChecksum(bytes.NewReader(make([]byte, 1025)), 1024)
	if one.Algorithm != "MD5-of-0MD5-of-512CRC32C" || two.Algorithm != "MD5-of-2MD5-of-512CRC32C" || !strings.HasPrefix(two.Bytes, "00000200"+"0000000000000002") {
		t.Errorf("one block has %+v, two have %+v", one, two)
	}
	if slow, _ := hdfsChecksum(iotest.OneByteReader(bytes.NewReader(make([]byte, 1025))), 1024); slow != two {
		t.Errorf("the same bytes read slowly have %+v, want %+v", slow, two)
	}
	if _, err := hdfsChecksum(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("abc"))), 1024); err == nil {
		t.Error("a file that cannot be read to its end has a checksum")
	}
}
