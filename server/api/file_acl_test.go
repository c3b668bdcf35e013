package api_test

import (
	"strings"
	"testing"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

func aclOf(t *testing.T, text string) []bine.ACLEntry {
	t.Helper()
	list, err := bine.ParseACL(text, true)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func aclText(list bine.ACL) string {
	var parts []string
	for _, e := range list.Entries {
		parts = append(parts, e.String())
	}
	return strings.Join(parts, ",")
}

func TestAccessLists(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	_, err := olga.UploadFile(ctx, "demo", "Resources/closed/a.csv", strings.NewReader("x"), client.UploadOptions{Parents: true})
	w.ok(err)
	_, err = olga.SetFileAttributes(ctx, "demo", "Resources/closed", client.FileAttributes{Mode: new(uint32(0o700))})
	w.ok(err)
	_, err = sven.Files(ctx, "demo", "Resources/closed", client.List{})
	wants(t, "listing what is closed", err, bine.Forbidden)
	list, err := olga.ACL(ctx, "demo", "Resources/closed")
	w.ok(err)
	same(t, "the list of a mode", aclText(list), "user::rwx,group::---,other::---")

	list, err = olga.ChangeACL(ctx, "demo", "Resources/closed", client.ChangeACL{Op: client.ACLModify, Entries: aclOf(t, "user:demo__sven:rx")})
	w.ok(err)
	same(t, "one entry more", aclText(list), "user::rwx,user:demo__sven:r-x,group::---,mask::r-x,other::---")
	files, err := sven.Files(ctx, "demo", "Resources/closed", client.List{})
	w.ok(err)
	same(t, "what is listed", len(files.Items), 1)
	f, err := sven.Stat(ctx, "demo", "Resources")
	w.ok(err)
	same(t, "a directory without a list", f.ACL, false)
	files, err = olga.Files(ctx, "demo", "Resources", client.List{})
	w.ok(err)
	same(t, "a directory with one", []any{files.Items[0].Name, files.Items[0].ACL, files.Items[0].Mode}, []any{"closed", true, 0o750})

	list, err = olga.SetACL(ctx, "demo", "Resources/closed", aclOf(t, "default:user:demo__sven:rwx"))
	w.ok(err)
	same(t, "a default list beside", len(list.Entries), 10)
	list, err = olga.ChangeACL(ctx, "demo", "Resources/closed", client.ChangeACL{Op: client.ACLRemove, Entries: []bine.ACLEntry{{Type: bine.ACLUser, Name: "demo__sven"}, {Type: bine.ACLMask}}})
	w.ok(err)
	same(t, "an entry less", len(list.Entries), 8)
	list, err = olga.RemoveACL(ctx, "demo", "Resources/closed", true)
	w.ok(err)
	same(t, "no default list", aclText(list), "user::rwx,group::---,other::---")
	_, err = olga.RemoveACL(ctx, "demo", "Resources/closed", false)
	w.ok(err)
	_, err = sven.Files(ctx, "demo", "Resources/closed", client.List{})
	wants(t, "listing without the list", err, bine.Forbidden)
}

func TestAccessListsAreRefused(t *testing.T) {
	w := newWorld(t)
	ctx, olga, sven := t.Context(), w.as("olga"), w.as("sven")
	modify := func(c *client.Client, path, text string) error {
		_, err := c.ChangeACL(ctx, "demo", path, client.ChangeACL{Op: client.ACLModify, Entries: aclOf(t, text)})
		return err
	}
	wants(t, "a user of another project", modify(olga, "Resources", "user:other__mallory:rwx"), bine.Invalid)
	wants(t, "a list of what another owns", modify(sven, "Resources", "user:demo__sven:rwx"), bine.Forbidden)
	wants(t, "a list of what is no program", modify(sven, "Models", "user:demo__sven:rwx"), bine.Forbidden)
	wants(t, "a list of what the platform keeps", modify(olga, ".artifacts", "user:demo__olga:rwx"), bine.Forbidden)
	wants(t, "a list of nothing", modify(olga, "Resources/none", "user:demo__sven:rwx"), bine.NotFound)
	_, err := w.as("mallory").ACL(ctx, "demo", "Resources")
	wants(t, "the list of another project", err, bine.NotFound)
	_, err = olga.SetACL(ctx, "demo", "Resources", nil)
	wants(t, "no entries", err, bine.Invalid)
	_, err = olga.SetACL(ctx, "demo", "Resources", []bine.ACLEntry{{Type: bine.ACLUser, Perm: "everything"}})
	wants(t, "a permission that is none", err, bine.Invalid)
}
