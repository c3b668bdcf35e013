package webhdfs

import (
	"strconv"

	"github.com/bine-ml/bine"
)

type aclStatus struct {
	Entries    []string `json:"entries"` // beyond what the permission says
	Group      string   `json:"group"`
	Owner      string   `json:"owner"`
	Permission string   `json:"permission"`
	StickyBit  bool     `json:"stickyBit"`
}

// aclStatus answers a list as HDFS does: without the entries for the owner, the
// mask and others, which the permission says, and without that of the group
// where the permission says it, too.
func (c *call) aclStatus() (answer, error) {
	list, err := c.files().ACL(c.ctx(), c.user(), c.path)
	if err != nil {
		return answer{}, err
	}
	status := aclStatus{Entries: []string{}, Group: list.Group, Owner: list.Owner, Permission: strconv.FormatUint(uint64(list.Mode), 8)}
	masked := false
	for _, e := range list.Entries {
		masked = masked || !e.Default && e.Type == bine.ACLMask
	}
	for _, e := range list.Entries {
		if e.Default || e.Name != "" || masked && e.Type == bine.ACLGroup {
			status.Entries = append(status.Entries, e.String())
		}
	}
	return as("AclStatus", status), nil
}

// aclSpec reads the entries of the parameter.
func (c *call) aclSpec(perms bool) ([]bine.ACLEntry, error) {
	const name = "aclspec"
	list, err := bine.ParseACL(c.params.text(name), perms)
	if err != nil {
		return nil, badParam(name, "%s", err)
	}
	return list, nil
}

// changeACL changes the list by f. What is wrong with it is Hadoop's AclException.
func (c *call) changeACL(f func() (bine.ACL, error)) (answer, error) {
	if err := c.mayWrite(c.path); err != nil {
		return answer{}, err
	}
	_, err := f()
	if bine.IsKind(err, bine.Invalid) {
		err = &exception{class: aclException, message: err.Error(), err: err}
	}
	return answer{}, err
}

func (c *call) modifyACL() (answer, error) {
	list, err := c.aclSpec(true)
	if err != nil {
		return answer{}, err
	}
	return c.changeACL(func() (bine.ACL, error) { return c.files().ModifyACL(c.ctx(), c.user(), c.path, list) })
}

func (c *call) setACL() (answer, error) {
	list, err := c.aclSpec(true)
	if err != nil {
		return answer{}, err
	}
	return c.changeACL(func() (bine.ACL, error) { return c.files().SetACL(c.ctx(), c.user(), c.path, list) })
}

func (c *call) removeACLEntries() (answer, error) {
	list, err := c.aclSpec(false)
	if err != nil {
		return answer{}, err
	}
	return c.changeACL(func() (bine.ACL, error) { return c.files().RemoveACLEntries(c.ctx(), c.user(), c.path, list) })
}

func (c *call) removeDefaultACL() (answer, error) {
	return c.changeACL(func() (bine.ACL, error) { return c.files().RemoveDefaultACL(c.ctx(), c.user(), c.path) })
}

func (c *call) removeACL() (answer, error) {
	return c.changeACL(func() (bine.ACL, error) { return c.files().RemoveACL(c.ctx(), c.user(), c.path) })
}
