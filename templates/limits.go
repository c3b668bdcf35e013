package templates

import "github.com/bine-ml/bine/client"

// LimitName is what a quota is called: by the directory that has it.
func (p PathPage) LimitName(l client.FileLimit) string {
	switch l.Path {
	case "":
		return "Project"
	case p.File.Path:
		return "This folder"
	}
	return l.Path
}

// OwnLimit is the quota that the directory itself has.
func (p PathPage) OwnLimit() client.FileQuota {
	for _, l := range p.Limits {
		if l.Path == p.File.Path {
			return l.Quota
		}
	}
	return client.FileQuota{}
}

// Policies are those that a directory can be given.
func (p PathPage) Policies() []string { return []string{"HOT", "DB", "BLOCKS"} }

// PolicyText says what a policy does.
func (p PathPage) PolicyText(name string) string {
	switch name {
	case "DB":
		return "files of up to 1 MiB in the database, larger ones in blocks"
	case "BLOCKS":
		return "everything in blocks"
	}
	return "small files in the database, larger ones in blocks"
}

// HasPolicy reports whether the directory itself has a policy.
func (p PathPage) HasPolicy(name string) bool {
	return p.Policy != nil && !p.Policy.Installed && p.Policy.Path == p.File.Path && p.Policy.Name == name
}
