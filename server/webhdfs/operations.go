package webhdfs

import (
	"net/http"
	"strings"
)

// operation is one value of the parameter op.
type operation struct {
	name    string
	method  string
	run     func(*call) (answer, error)
	changes bool   // something, so that it takes a key for everything and leaves a record
	stream  bool   // lasts as long as the content takes
	counted string // under which it is counted and recorded
}

// table lists every operation of the protocol. One that the file system cannot
// do is there, too, so that it is refused by its name.
func table() []operation {
	get := func(name string, run func(*call) (answer, error)) operation {
		return operation{name: name, method: http.MethodGet, run: run}
	}
	change := func(method, name string, run func(*call) (answer, error)) operation {
		return operation{name: name, method: method, run: run, changes: true}
	}
	content := func(o operation) operation { o.stream = true; return o }
	const put, post, del = http.MethodPut, http.MethodPost, http.MethodDelete
	all := []operation{
		content(get("OPEN", (*call).open)),
		get("GETFILESTATUS", (*call).status),
		content(get("LISTSTATUS", (*call).list)),
		get("LISTSTATUS_BATCH", (*call).listBatch),
		get("GETCONTENTSUMMARY", (*call).contentSummary),
		get("GETQUOTAUSAGE", (*call).quotaUsage),
		content(get("GETFILECHECKSUM", (*call).checksum)),
		get("GETHOMEDIRECTORY", (*call).homeDirectory),
		get("GETTRASHROOT", (*call).trashRoot),
		get("GETXATTRS", (*call).xattrs),
		get("LISTXATTRS", (*call).xattrNames),
		get("CHECKACCESS", (*call).checkAccess),
		get("GETACLSTATUS", (*call).aclStatus),
		get("GETLINKTARGET", (*call).linkTarget),
		get("GETFILELINKSTATUS", (*call).linkStatus),
		get("GETSERVERDEFAULTS", (*call).serverDefaults),
		get("GETSTATUS", (*call).fileSystemStatus),
		get("GETFILEBLOCKLOCATIONS", (*call).blockLocations),
		get("GET_BLOCK_LOCATIONS", (*call).locatedBlocks),
		get("GETALLSTORAGEPOLICY", (*call).storagePolicies),
		get("GETSTORAGEPOLICY", (*call).storagePolicy),
		content(get("GETSNAPSHOTDIFF", (*call).snapshotDiff)),
		content(get("GETSNAPSHOTDIFFLISTING", (*call).snapshotDiffListing)),
		get("GETSNAPSHOTTABLEDIRECTORYLIST", (*call).snapshotDirs),
		get("GETSNAPSHOTLIST", (*call).snapshots),
		content(change(put, "CREATE", (*call).create)),
		change(put, "MKDIRS", (*call).mkdirs),
		change(put, "RENAME", (*call).rename),
		change(put, "CREATESYMLINK", (*call).createSymlink),
		change(put, "SETPERMISSION", (*call).setPermission),
		change(put, "SETOWNER", (*call).setOwner),
		change(put, "SETTIMES", (*call).setTimes),
		change(put, "SETXATTR", (*call).setXattr),
		change(put, "REMOVEXATTR", (*call).removeXattr),
		change(put, "MODIFYACLENTRIES", (*call).modifyACL),
		change(put, "REMOVEACLENTRIES", (*call).removeACLEntries),
		change(put, "REMOVEDEFAULTACL", (*call).removeDefaultACL),
		change(put, "REMOVEACL", (*call).removeACL),
		change(put, "SETACL", (*call).setACL),
		change(put, "SETREPLICATION", (*call).setReplication),
		change(put, "SETQUOTA", (*call).setQuota),
		change(put, "SETSTORAGEPOLICY", (*call).setStoragePolicy),
		change(post, "UNSETSTORAGEPOLICY", (*call).unsetStoragePolicy),
		change(put, "SATISFYSTORAGEPOLICY", (*call).satisfyStoragePolicy),
		content(change(post, "APPEND", (*call).append)),
		change(post, "CONCAT", (*call).concat),
		change(post, "TRUNCATE", (*call).truncate),
		change(del, "DELETE", (*call).delete),
		change(put, "ALLOWSNAPSHOT", (*call).allowSnapshot),
		change(put, "DISALLOWSNAPSHOT", (*call).disallowSnapshot),
		content(change(put, "CREATESNAPSHOT", (*call).createSnapshot)),
		change(put, "RENAMESNAPSHOT", (*call).renameSnapshot),
		change(del, "DELETESNAPSHOT", (*call).deleteSnapshot),
	}
	for method, names := range unsupported() {
		for name := range strings.FieldsSeq(names) {
			all = append(all, operation{name: name, method: method, run: (*call).refuse})
		}
	}
	for i := range all {
		all[i].counted = "webhdfs-" + strings.ToLower(all[i].name)
	}
	return all
}

// unsupported names what there is nothing for in the file system, by method:
// kinds of storage, erasure coding, and tokens made from others.
func unsupported() map[string]string {
	return map[string]string{
		http.MethodGet: `GETDELEGATIONTOKEN GETECPOLICY GETECPOLICIES`,
		http.MethodPut: `RENEWDELEGATIONTOKEN CANCELDELEGATIONTOKEN
			ENABLEECPOLICY DISABLEECPOLICY SETECPOLICY SETQUOTABYSTORAGETYPE`,
		http.MethodPost: `UNSETECPOLICY`,
	}
}

// refuse answers an operation that is not offered.
func (c *call) refuse() (answer, error) {
	why := c.op.name + " is not supported"
	if strings.HasSuffix(c.op.name, "DELEGATIONTOKEN") {
		why += ": use an API key, made with an end and for one project, as the delegation token"
	}
	return answer{}, &exception{class: unsupportedOperation, message: why}
}
