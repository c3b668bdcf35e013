package webhdfs_test

import (
	"strings"
	"testing"
)

func TestSnapshots(t *testing.T) {
	w := newWorld(t)
	const dir = "/Projects/demo/Resources/data"
	w.put(dir+"/a", "old")
	w.put(dir+"/b", "b")
	w.put(dir+"/d/c", "c")
	const refused = `{"RemoteException":{"exception":"SnapshotException","javaClassName":"org.apache.hadoop.hdfs.protocol.SnapshotException"`
	for _, step := range []struct{ method, request, want string }{
		{"PUT", dir + "?op=CREATESNAPSHOT&snapshotname=s1", "403 " + refused},
		{"GET", dir + "?op=GETSNAPSHOTLIST", "403 " + refused},
		{"GET", "/?op=GETSNAPSHOTTABLEDIRECTORYLIST", `200 {"SnapshottableDirectoryList":[]}`},
		{"PUT", dir + "?op=ALLOWSNAPSHOT", "200 "},
		{"PUT", dir + "?op=CREATESNAPSHOT&snapshotname=s1", `200 {"Path":"` + dir + `/.snapshot/s1"}`},
		{"PUT", dir + "?op=CREATESNAPSHOT&snapshotname=s1", "403 " + refused},
		{"GET", dir + "/.snapshot/s1/a?op=OPEN", "200 old"},
		{"DELETE", dir + "/.snapshot/s1/a?op=DELETE", `403 {"RemoteException":{"exception":"AccessControlException"`},
		{"PUT", dir + "/a?op=RENAME&destination=" + dir + "/d/a", `200 {"boolean":true}`},
		{"DELETE", dir + "/b?op=DELETE", `200 {"boolean":true}`},
		{"PUT", dir + "/new?op=MKDIRS", `200 {"boolean":true}`},
		{"GET", dir + "?op=GETSNAPSHOTDIFF&oldsnapshotname=s1&snapshotname=", `200 {"SnapshotDiffReport":{"diffList":[{"sourcePath":"","type":"MODIFY"},{"sourcePath":"a","targetPath":"d/a","type":"RENAME"},` +
			`{"sourcePath":"b","type":"DELETE"},{"sourcePath":"d","type":"MODIFY"},{"sourcePath":"new","type":"CREATE"}],"fromSnapshot":"s1","snapshotRoot":"` + dir + `","toSnapshot":""}}`},
		{"PUT", dir + "?op=CREATESNAPSHOT&snapshotname=s3", `200 {"Path":"` + dir + `/.snapshot/s3"}`},
		{"GET", dir + "?op=GETSNAPSHOTDIFFLISTING&oldsnapshotname=s1&snapshotname=s3", `200 {"SnapshotDiffReportListing":{"createList":[{"dirId":1,"fileId":6,"sourcePath":"new","isReference":false}],` +
			`"deleteList":[{"dirId":1,"fileId":3,"sourcePath":"a","targetPath":"d/a","isReference":true},{"dirId":1,"fileId":4,"sourcePath":"b","isReference":false}],"isFromEarlier":true,"lastIndex":-1,"lastPath":"",` +
			`"modifyList":[{"dirId":1,"fileId":2,"sourcePath":"","isReference":true},{"dirId":5,"fileId":5,"sourcePath":"d","isReference":true}]}}`},
		{"GET", dir + "?op=GETSNAPSHOTDIFFLISTING&oldsnapshotname=s1", "400 "},
		{"GET", dir + "?op=GETSNAPSHOTDIFFLISTING&oldsnapshotname=s1&snapshotname=s3&snapshotdiffstartpath=d", "400 "},
		{"GET", dir + "?op=GETSNAPSHOTDIFFLISTING&oldsnapshotname=s1&snapshotname=gone", "404 "},
		{"DELETE", dir + "?op=DELETESNAPSHOT&snapshotname=s3", "200 "},
		{"PUT", dir + "?op=CREATESNAPSHOT", `200 {"Path":"` + dir + `/.snapshot/s20`},
		{"PUT", dir + "?op=RENAMESNAPSHOT&oldsnapshotname=s1&snapshotname=s2", "200 "},
		{"PUT", dir + "?op=RENAMESNAPSHOT&snapshotname=s2", `400 {"RemoteException":{"exception":"IllegalArgumentException"`},
		{"GET", dir + "/.snapshot/s1?op=GETFILESTATUS", `404 `},
		{"DELETE", dir + "?op=DELETE&recursive=true", `403 `},
		{"PUT", dir + "?op=DISALLOWSNAPSHOT", "403 " + refused},
	} {
		got := w.olga(step.method, step.request)
		if text := words(got.status, got.body); text != step.want && (!strings.HasPrefix(text, step.want) || strings.HasSuffix(step.want, "200 ")) {
			t.Errorf("%s %s: %s, want %s", step.method, step.request, text, step.want)
		}
	}
	var dirs struct {
		SnapshottableDirectoryList []struct {
			DirStatus                     status
			ParentFullPath                string
			SnapshotNumber, SnapshotQuota int
		}
	}
	w.olga("GET", "/?op=GETSNAPSHOTTABLEDIRECTORYLIST").into(t, &dirs)
	if l := dirs.SnapshottableDirectoryList; len(l) != 1 || l[0].DirStatus.PathSuffix != "data" || l[0].ParentFullPath != "/Projects/demo/Resources" || l[0].SnapshotNumber != 2 {
		t.Errorf("%+v", l)
	}
	var list struct {
		SnapshotList []struct {
			DirStatus                      status
			ParentFullPath, DeletionStatus string
			SnapshotID                     int
		}
	}
	w.olga("GET", dir+"?op=GETSNAPSHOTLIST").into(t, &list)
	if l := list.SnapshotList; len(l) != 2 || l[0].DirStatus.PathSuffix != "s2" || l[0].ParentFullPath != dir || l[0].DeletionStatus != "ACTIVE" || l[0].SnapshotID == l[1].SnapshotID {
		t.Errorf("%+v", l)
	}
	if body := w.olga("GET", dir+"?op=GETFILESTATUS").body; !strings.Contains(body, `"snapshotEnabled":true`) {
		t.Error(body)
	}
	for _, s := range list.SnapshotList {
		same(t, "delete", w.olga("DELETE", dir+"?op=DELETESNAPSHOT&snapshotname="+s.DirStatus.PathSuffix).status, 200)
	}
	same(t, "delete again", w.olga("DELETE", dir+"?op=DELETESNAPSHOT&snapshotname=s2").status, 404)
	same(t, "a Data Scientist", w.sven("PUT", dir+"?op=DISALLOWSNAPSHOT").status, 403)
	same(t, "a stranger", w.mallory("GET", dir+"?op=GETSNAPSHOTLIST").status, 404)
	same(t, "disallow", w.olga("PUT", dir+"?op=DISALLOWSNAPSHOT").status, 200)
	same(t, "the directory", w.names(w.keys["olga"], dir), "d new")
}
