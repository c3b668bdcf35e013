package webhdfs

import (
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// bytesPerCRC is over how many bytes HDFS takes a checksum, by default.
const bytesPerCRC = 512

type fileChecksum struct {
	Algorithm string `json:"algorithm"`
	Bytes     string `json:"bytes"` // hexadecimal
	Length    int    `json:"length"`
}

// checksum reads the file and answers what HDFS would for the same bytes in blocks
// of the same size, so that distcp can compare the two. No content is told, so it is
// not bounded by the preview.
func (c *call) checksum() (answer, error) {
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	if info.Dir {
		return answer{}, notFile(c.path)
	}
	r, _, err := c.files().Open(c.ctx(), c.user(), c.path, 0, 0)
	if err != nil {
		return answer{}, err
	}
	defer r.Close()
	sum, err := hdfsChecksum(r, blockSizeOf(info))
	return as("FileChecksum", sum), err
}

// hdfsChecksum is the MD5 of the MD5s, one for each block, of the CRC32Cs, one
// for each 512 bytes. HDFS takes the outer MD5 over a buffer that has grown by
// doubling from 32 bytes, with the zeros behind its end, and calls an empty file
// one without checksums.
func hdfsChecksum(r io.Reader, block int64) (fileChecksum, error) {
	var blocks []byte
	inner, part := md5.New(), make([]byte, bytesPerCRC)
	var size, inBlock int64
	for {
		n, err := io.ReadFull(r, part)
		if n > 0 {
			inner.Write(binary.BigEndian.AppendUint32(nil, crc32.Checksum(part[:n], castagnoli)))
			size, inBlock = size+int64(n), inBlock+int64(n)
		}
		ended := err == io.EOF || err == io.ErrUnexpectedEOF
		if err != nil && !ended {
			return fileChecksum{}, err
		}
		if inBlock == block || (ended && inBlock > 0) {
			blocks, inBlock = closeBlock(blocks, inner), 0
		}
		if ended {
			return outerChecksum(blocks, size, block), nil
		}
	}
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func closeBlock(blocks []byte, inner hash.Hash) []byte {
	blocks = inner.Sum(blocks)
	inner.Reset()
	return blocks
}

func outerChecksum(blocks []byte, size, block int64) fileChecksum {
	grown := 32
	for grown < len(blocks) {
		grown *= 2
	}
	outer := md5.Sum(append(blocks, make([]byte, grown-len(blocks))...))
	perCRC, perBlock, kind := int64(bytesPerCRC), int64(0), "CRC32C"
	switch {
	case size == 0:
		perCRC, kind = 0, "CRC32"
	case size > block:
		perBlock = block / bytesPerCRC
	}
	text := binary.BigEndian.AppendUint32(nil, uint32(perCRC))
	text = append(binary.BigEndian.AppendUint64(text, uint64(perBlock)), outer[:]...)
	return fileChecksum{Algorithm: fmt.Sprintf("MD5-of-%dMD5-of-%d%s", perBlock, perCRC, kind), Bytes: hex.EncodeToString(text), Length: len(text)}
}
