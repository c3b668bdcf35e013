package webhdfs

import (
	"hash/fnv"
	"math"
	"slices"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/auth"
)

type contentSummary struct {
	DirectoryCount int64     `json:"directoryCount"`
	FileCount      int64     `json:"fileCount"`
	Length         int64     `json:"length"`
	Quota          int64     `json:"quota"`
	SpaceConsumed  int64     `json:"spaceConsumed"`
	SpaceQuota     int64     `json:"spaceQuota"`
	TypeQuota      typeQuota `json:"typeQuota"`
}

type typeQuota struct{}

// contentSummary counts what is at and below the path: unlike the file system's
// own count, with the directory itself.
func (c *call) contentSummary() (answer, error) {
	u, err := c.usage()
	if err != nil {
		return answer{}, err
	}
	l, err := c.limit()
	return as("ContentSummary", contentSummary{DirectoryCount: u.Directories, FileCount: u.Files, Length: u.Bytes, Quota: orNone(l.Quota.Names),
		SpaceConsumed: u.Bytes, SpaceQuota: orNone(l.Quota.Bytes)}), err
}

type quotaUsage struct {
	FileAndDirectoryCount int64     `json:"fileAndDirectoryCount"`
	Quota                 int64     `json:"quota"`
	SpaceConsumed         int64     `json:"spaceConsumed"`
	SpaceQuota            int64     `json:"spaceQuota"`
	TypeQuota             typeQuota `json:"typeQuota"`
}

// quotaUsage answers what counts towards the quota of a directory that has one,
// which is known without counting.
func (c *call) quotaUsage() (answer, error) {
	l, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	if l.Path == "" || l.Counting {
		u, err := c.usage()
		if err != nil {
			return answer{}, err
		}
		l.Names, l.Bytes = u.Files+u.Directories, u.Bytes
	}
	return as("QuotaUsage", quotaUsage{FileAndDirectoryCount: l.Names, Quota: orNone(l.Quota.Names), SpaceConsumed: l.Bytes, SpaceQuota: orNone(l.Quota.Bytes)}), nil
}

func (c *call) usage() (dfs.Usage, error) {
	info, err := c.stat(c.path)
	if err != nil {
		return dfs.Usage{}, err
	}
	u, err := c.files().Usage(c.ctx(), c.user(), c.path)
	if info.Dir {
		u.Directories++
	}
	return u, err
}

// limit is that of the directory at the path; the zero value is none.
func (c *call) limit() (dfs.Limit, error) {
	all, err := c.files().Limits(c.ctx(), c.user(), c.path)
	for _, l := range all {
		if l.Path == c.path {
			return l, err
		}
	}
	return dfs.Limit{}, err
}

// orNone writes a quota as HDFS does, for which -1 is none.
func orNone(quota int64) int64 {
	if quota == 0 {
		return -1
	}
	return quota
}

// setQuota limits a directory: -1 takes a quota away, and one that is not named
// stays.
func (c *call) setQuota() (answer, error) {
	l, err := c.limit()
	if err != nil {
		return answer{}, err
	}
	q, named := l.Quota, false
	for name, of := range map[string]*int64{"namespacequota": &q.Names, "storagespacequota": &q.Bytes} {
		n, err := c.params.number(name, math.MaxInt64, -1)
		switch {
		case err != nil:
			return answer{}, err
		case n == 0:
			return answer{}, badParam(name, "0 lets nothing be there, not even the directory: use -1 for no quota")
		case n == math.MaxInt64: // it stays, in HDFS too
			continue
		}
		named, *of = true, max(n, 0)
	}
	if !named {
		return answer{}, badParam("namespacequota", "both it and storagespacequota are missing: say what to limit")
	}
	if err := c.mayLimit(); err != nil {
		return answer{}, err
	}
	return answer{}, c.files().SetQuota(c.ctx(), c.user(), c.path, q)
}

// mayLimit refuses programs: what the files of a project may come to is said by people.
func (c *call) mayLimit() error {
	if c.actor.Via == auth.ViaJob {
		return bine.Errorf(bine.Forbidden, "%s: quotas and policies are set by people, not by the steps of runs", c.path)
	}
	return nil
}

type storagePolicy struct {
	CopyOnCreateFile     bool     `json:"copyOnCreateFile"`
	CreationFallbacks    []string `json:"creationFallbacks"`
	ID                   int      `json:"id"`
	Name                 string   `json:"name"`
	ReplicationFallbacks []string `json:"replicationFallbacks"`
	StorageTypes         []string `json:"storageTypes"`
}

// policyIDs are HDFS's for the names that it knows, and free ones for the others.
var policyIDs = map[string]int{dfs.Hot: 7, dfs.DB: 14, dfs.Blocks: 3, "COLD": 2, "WARM": 5}

// freeIDs are those that tiers of other names have.
var freeIDs = []int{4, 6, 8, 9, 11, 13}

// policyID gives the id of a policy; 0 is of none.
func policyID(name string) int {
	id, known := policyIDs[name]
	if known || name == "" {
		return id
	}
	sum := fnv.New32a()
	sum.Write([]byte(name))
	return freeIDs[int(sum.Sum32()%uint32(len(freeIDs)))]
}

func policyOf(name string) storagePolicy {
	p := storagePolicy{CreationFallbacks: []string{}, ID: policyID(name), Name: name, ReplicationFallbacks: []string{}, StorageTypes: []string{"DISK"}}
	if !slices.Contains(dfs.Policies(), name) {
		p.StorageTypes = []string{"ARCHIVE"}
	}
	return p
}

type storagePolicies struct {
	BlockStoragePolicy []storagePolicy
}

func (c *call) storagePolicies() (answer, error) {
	all := storagePolicies{}
	for _, p := range c.files().InstalledPolicies() {
		all.BlockStoragePolicy = append(all.BlockStoragePolicy, policyOf(p.Name))
	}
	return as("BlockStoragePolicies", all), nil
}

func (c *call) storagePolicy() (answer, error) {
	p, err := c.files().Policy(c.ctx(), c.user(), c.path)
	return as("BlockStoragePolicy", policyOf(p.Name)), err
}

func (c *call) setStoragePolicy() (answer, error) {
	name := c.params.text("storagepolicy")
	if name == "" {
		return answer{}, badParam("storagepolicy", "it is missing: name one of GETALLSTORAGEPOLICY")
	}
	return c.policyTo(dfs.Policy{Name: name, Inline: -1})
}

func (c *call) unsetStoragePolicy() (answer, error) { return c.policyTo(dfs.Policy{}) }

func (c *call) policyTo(p dfs.Policy) (answer, error) {
	info, err := c.stat(c.path)
	if err == nil && !info.Dir {
		err = bine.Errorf(bine.Conflict, "%s is a file: policies are those of directories", c.path)
	}
	if err != nil {
		return answer{}, err
	}
	if err := c.mayLimit(); err != nil {
		return answer{}, err
	}
	return answer{}, c.files().SetPolicy(c.ctx(), c.user(), c.path, p)
}

// satisfyStoragePolicy has what is at the path brought to where its policy says: that
// goes on when it is answered, as a transfer of the project.
func (c *call) satisfyStoragePolicy() (answer, error) {
	if _, err := c.stat(c.path); err != nil {
		return answer{}, err
	}
	if err := c.mayLimit(); err != nil {
		return answer{}, err
	}
	project, m := c.actor.Member.Project, c.actor.Member
	if m.Role != bine.DataOwner {
		return answer{}, bine.Errorf(bine.Forbidden, "%s: where it is kept is said by Data Owners", c.path)
	}
	_, err := c.door.Desk.Relocate(c.ctx(), project, dfs.Relative(project, c.path), c.actor.Identity.User)
	return answer{}, err
}

// askedBlockSize is of what size blocks are to be: what Hadoop's clients always
// say by themselves is nothing that anybody asked for, and what cannot be is made
// the nearest size that can.
func (c *call) askedBlockSize() (int64, error) {
	n, err := c.params.number("blocksize", 0, 0)
	if err != nil || n == 0 || n == blockSize {
		return 0, err
	}
	n = min(max(n, dfs.MinBlockSize), dfs.MaxBlockSize)
	return (n + bytesPerCRC - 1) / bytesPerCRC * bytesPerCRC, nil
}

// blockSizeOf is of what size the blocks of a file are at most.
func blockSizeOf(i dfs.Info) int64 {
	if i.BlockSize != 0 {
		return i.BlockSize
	}
	return blockSize
}
