package webhdfs

import (
	"crypto/rand"
	"math"
	"net/url"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
)

type fsStatus struct {
	Used      int64 `json:"used"`
	Remaining int64 `json:"remaining"`
	Capacity  int64 `json:"capacity"`
}

// add counts a project; one without a quota makes the capacity boundless.
func (s *fsStatus) add(u dfs.Usage) {
	quota := u.Quota.Bytes
	if quota == 0 {
		quota = math.MaxInt64
	}
	s.Used += u.Bytes
	if s.Capacity += quota; s.Capacity < 0 {
		s.Capacity = math.MaxInt64
	}
	if s.Remaining += max(0, quota-u.Bytes); s.Remaining < 0 {
		s.Remaining = math.MaxInt64
	}
}

// fileSystemStatus says what the project of the path uses of its quota, or all
// projects of the actor.
func (c *call) fileSystemStatus() (answer, error) {
	var s fsStatus
	if project := projectOf(c.path); project != "" {
		u, err := c.files().Usage(c.ctx(), c.user(), dfs.ProjectPath(project))
		s.add(u)
		return as("FsStatus", s), err
	}
	err := c.eachProject(func(p bine.Project) error {
		u, err := c.files().Usage(c.ctx(), c.in(p), dfs.ProjectPath(p.Name))
		if bine.IsKind(err, bine.NotFound) {
			return nil
		}
		s.add(u)
		return err
	})
	return as("FsStatus", s), err
}

type serverDefaults struct {
	BlockSize              int64  `json:"blockSize"`
	BytesPerChecksum       int    `json:"bytesPerChecksum"`
	ChecksumType           int    `json:"checksumType"` // CRC32C
	DefaultStoragePolicyID int    `json:"defaultStoragePolicyId"`
	EncryptDataTransfer    bool   `json:"encryptDataTransfer"` // a string in Hadoop's page, a truth value in its client
	FileBufferSize         int    `json:"fileBufferSize"`
	KeyProviderURI         string `json:"keyProviderUri"`
	Replication            int    `json:"replication"`
	TrashInterval          int    `json:"trashInterval"` // 0: clients remove, and do not move aside
	WritePacketSize        int    `json:"writePacketSize"`
}

func (c *call) serverDefaults() (answer, error) {
	return as("FsServerDefaults", serverDefaults{BlockSize: blockSize, BytesPerChecksum: bytesPerCRC, ChecksumType: 2, DefaultStoragePolicyID: policyIDs[dfs.Hot],
		FileBufferSize: 4096, Replication: 1, WritePacketSize: 64 << 10}), nil
}

// checkAccess asks the file system by what changes nothing: it alone knows what
// modes, roles and shares come to.
func (c *call) checkAccess() (answer, error) {
	const name = "fsaction"
	action := c.params.text(name)
	if len(action) != 3 || strings.Trim(action[:1], "r-")+strings.Trim(action[1:2], "w-")+strings.Trim(action[2:], "x-") != "" {
		return answer{}, badParam(name, "%.20q is not of the form rwx, with a dash for what is not asked for", action)
	}
	info, err := c.stat(c.path)
	if err != nil {
		return answer{}, err
	}
	if action[0] == 'r' {
		if err := c.mayRead(info); err != nil {
			return answer{}, err
		}
	}
	if action[1] == 'w' {
		if err := c.mayChange(); err != nil {
			return answer{}, err
		}
	}
	if action[2] == 'x' {
		return answer{}, c.mayPass(info)
	}
	return answer{}, nil
}

func (c *call) mayRead(info dfs.Info) error {
	if info.Dir {
		_, _, err := c.files().List(c.ctx(), c.user(), c.path, "", 1)
		return err
	}
	_, err := c.files().Xattrs(c.ctx(), c.user(), c.path)
	return err
}

// mayChange tries to remove an attribute that nothing has.
func (c *call) mayChange() error {
	if err := c.mayWrite(c.path); err != nil {
		return err
	}
	err := c.files().RemoveXattr(c.ctx(), c.user(), c.path, "user."+rand.Text())
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

// mayPass looks for what no directory has, or at the bits of a file.
func (c *call) mayPass(info dfs.Info) error {
	if !info.Dir {
		if info.Mode&0o111 == 0 {
			return bine.Errorf(bine.Forbidden, "%s is not a program: nobody may execute it", c.path)
		}
		return nil
	}
	_, err := c.stat(strings.TrimSuffix(c.path, "/") + "/" + rand.Text())
	if bine.IsKind(err, bine.NotFound) {
		return nil
	}
	return err
}

type blockLocation struct {
	CachedHosts   []string `json:"cachedHosts"`
	Corrupt       bool     `json:"corrupt"`
	Hosts         []string `json:"hosts"`
	Length        int64    `json:"length"`
	Names         []string `json:"names"`
	Offset        int64    `json:"offset"`
	StorageTypes  []string `json:"storageTypes"`
	TopologyPaths []string `json:"topologyPaths"`
}

type blockLocations struct {
	BlockLocation []blockLocation
}

// mostBlocks bounds an answer: a file of 8 TiB.
const mostBlocks = 1 << 16

// blockLocations says that every block is here, which is what a client that
// divides a file into parts wants to know.
func (c *call) blockLocations() (answer, error) {
	info, blocks, err := c.blocksWanted()
	if err != nil {
		return answer{}, err
	}
	host := (&url.URL{Host: c.r.Host}).Hostname()
	list, size := blockLocations{[]blockLocation{}}, blockSizeOf(info)
	for _, at := range blocks {
		list.BlockLocation = append(list.BlockLocation, blockLocation{CachedHosts: []string{}, Hosts: []string{host}, Names: []string{c.r.Host},
			Offset: at, Length: min(size, info.Size-at), StorageTypes: []string{"DISK"}, TopologyPaths: []string{"/default-rack/" + c.r.Host}})
	}
	return as("BlockLocations", list), nil
}

// blocksWanted gives a file, and where the blocks of the part that is asked for begin.
func (c *call) blocksWanted() (info dfs.Info, blocks []int64, err error) {
	offset, err := c.params.number("offset", 0, 0)
	if err != nil {
		return info, nil, err
	}
	length, err := c.params.number("length", math.MaxInt64, 0)
	if err != nil {
		return info, nil, err
	}
	if info, err = c.stat(c.path); err != nil {
		return info, nil, err
	}
	if info.Dir {
		return info, nil, notFile(c.path)
	}
	end := info.Size
	if length < end-offset {
		end = offset + length
	}
	size := blockSizeOf(info)
	for at := offset / size * size; offset < end && at < end && len(blocks) < mostBlocks; at += size {
		blocks = append(blocks, at)
	}
	return info, blocks, nil
}
