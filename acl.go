package bine

import (
	"cmp"
	"slices"
	"strings"
)

// ACLType says whom an entry of an access list is about.
type ACLType string

// The types of entries, in the order in which a list has them.
const (
	ACLUser  ACLType = "user"  // the owner, or the user of the name
	ACLGroup ACLType = "group" // the group, or the one of the name
	ACLMask  ACLType = "mask"  // the most that anybody but the owner and others may do
	ACLOther ACLType = "other" // everybody else
)

// ACLEntry is an entry of an access list as POSIX.1e (draft 17) and HDFS have them.
type ACLEntry struct {
	Default bool    `json:"default,omitempty" doc:"of a directory: for what is made in it, not for itself"`
	Type    ACLType `json:"type" enum:"user,group,mask,other"`
	Name    string  `json:"name,omitempty" doc:"project user or group; empty is the owner, or the group, of the file"`
	Perm    string  `json:"perm,omitempty" doc:"of the form r-x"`
}

// ACL is what is allowed to whom with a file or directory.
type ACL struct {
	Owner string `json:"owner"`
	Group string `json:"group"`
	Mode  uint32 `json:"mode" doc:"permission bits; where there is a list, those of the group are its mask"`
	// Entries are all of them, in order, those that the mode says too.
	Entries []ACLEntry `json:"entries"`
}

// Extended reports whether the list says more than the mode.
func (a ACL) Extended() bool { return len(a.Entries) > 3 }

// aclTypes are the types in their order, with what else they are called.
var aclTypes = map[string]ACLType{"user": ACLUser, "u": ACLUser, "group": ACLGroup, "g": ACLGroup, "mask": ACLMask, "m": ACLMask, "other": ACLOther, "o": ACLOther}

// String writes an entry as setfacl has it: default:user:maria:r-x.
func (e ACLEntry) String() string {
	text := string(e.Type) + ":" + e.Name + ":" + e.Perm
	if e.Default {
		return "default:" + text
	}
	return text
}

// ParseACL reads entries of the form [default:]user|group|mask|other:[name]:rwx
// with commas between. Without perms the last part is left out, or not looked at.
func ParseACL(text string, perms bool) ([]ACLEntry, error) {
	var list []ACLEntry
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		e, err := parseACLEntry(part, perms)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	if len(list) == 0 {
		return nil, Errorf(Invalid, "%q names no entry of an access list: write them like user:maria:r-x,default:group::rwx", shorten(text))
	}
	return list, nil
}

func parseACLEntry(text string, perms bool) (ACLEntry, error) {
	wrong := Errorf(Invalid, "%q is not an entry of an access list: write it like user:maria:r-x, group::rwx or default:mask::r-x", shorten(text))
	var e ACLEntry
	parts := strings.Split(text, ":")
	if parts[0] == "default" || parts[0] == "d" {
		e.Default, parts = true, parts[1:]
	}
	if len(parts) == 0 || len(parts) > 3 {
		return e, wrong
	}
	if e.Type = aclTypes[parts[0]]; e.Type == "" {
		return e, wrong
	}
	if (e.Type == ACLMask || e.Type == ACLOther) && len(parts) == 2 && perms { // setfacl takes mask:rwx, too
		parts = []string{parts[0], "", parts[1]}
	}
	if len(parts) > 1 {
		e.Name = parts[1]
	}
	if !perms {
		return e, nil
	}
	if len(parts) < 3 || !permForm(parts[2]) {
		return e, wrong
	}
	e.Perm = PermText(permBits(parts[2]))
	return e, nil
}

// permForm reports whether text is one of rwx, r-x, rx and the like, or a digit up to 7.
func permForm(text string) bool {
	if len(text) == 1 && text[0] >= '0' && text[0] <= '7' {
		return true
	}
	letters := strings.ReplaceAll(text, "-", "")
	rest := "rwx"
	for _, l := range letters {
		i := strings.IndexRune(rest, l)
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
	return text != "" && len(text) <= 3
}

func permBits(text string) uint32 {
	if text[0] >= '0' && text[0] <= '7' {
		return uint32(text[0] - '0')
	}
	bits := uint32(0)
	for i, l := range "rwx" {
		if strings.ContainsRune(text, l) {
			bits |= 4 >> i
		}
	}
	return bits
}

// Bits gives the permission of an entry as the bits of a mode.
func (e ACLEntry) Bits() (uint32, error) {
	if !permForm(e.Perm) {
		return 0, Errorf(Invalid, "%s: %q is not a permission: write it like r-x", e, shorten(e.Perm))
	}
	return permBits(e.Perm), nil
}

// PermText writes three bits of a mode: r-x.
func PermText(bits uint32) string {
	text := []byte("---")
	for i, l := range []byte("rwx") {
		if bits&(4>>i) != 0 {
			text[i] = l
		}
	}
	return string(text)
}

// SortACL brings entries into their order: those of access first, users, groups,
// mask and others, and before the named ones that without a name.
func SortACL(list []ACLEntry) {
	rank := func(e ACLEntry) int {
		r := map[ACLType]int{ACLUser: 0, ACLGroup: 1, ACLMask: 2, ACLOther: 3}[e.Type]
		if e.Default {
			r += 4
		}
		return r
	}
	slices.SortStableFunc(list, func(a, b ACLEntry) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
}

func shorten(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}
