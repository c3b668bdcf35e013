package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/dfs"
	"github.com/bine-ml/bine/internal/lease"
)

// config is the whole configuration: defaults, then the file, then the
// environment, then flags. It is not changed once read.
type config struct {
	Data     string                `yaml:"data"`     // directory of everything that is kept
	Listen   string                `yaml:"listen"`   // address of the API and the pages
	URL      string                `yaml:"url"`      // where people and agents reach it; http://Listen if empty
	Database string                `yaml:"database"` // sqlite:///path or mysql://user:password@host:port/name
	Temporal temporalConfig        `yaml:"temporal"`
	Blocks   string                `yaml:"blocks"` // directory of the file system's blocks, or s3://bucket/prefix?endpoint=https://host
	S3       s3Config              `yaml:"s3"`
	Tiers    map[string]tierConfig `yaml:"tiers"`
	Files    filesConfig           `yaml:"files"`
	Keys     string                `yaml:"keys"`  // directory of the keys that seal payloads and secrets
	Grace    duration              `yaml:"grace"` // how long a process outlives the last sign of its agent
	Line     lineConfig            `yaml:"line"`
	Host     hostConfig            `yaml:"host"`
	Agent    agentConfig           `yaml:"agent"`
	Metrics  string                `yaml:"metrics"` // address of /metrics and /healthz of a worker or agent on its own; none if empty
	Log      logConfig             `yaml:"log"`
	Notify   notifyConfig          `yaml:"notify"`
	Mail     mailConfig            `yaml:"mail"`

	Connectors connectorConfig `yaml:"connectors"`

	Private bool `yaml:"-"` // whether the CLI of this user is not to know of it
}

type temporalConfig struct {
	Address      string `yaml:"address"`      // empty: embedded, in bine up only
	Namespace    string `yaml:"namespace"`    // namespace in Temporal
	Certificates string `yaml:"certificates"` // directory with ca.pem, client.pem, client.key
	Store        string `yaml:"store"`        // mysql://… for the embedded server's own data; empty: SQLite
}

// s3Config holds the keys to the bucket of the blocks.
type s3Config struct {
	AccessKey     string `yaml:"access_key"`      // with which key the bucket of the blocks is used
	SecretKey     string `yaml:"secret_key"`      // the secret that belongs to it
	SecretKeyFile string `yaml:"secret_key_file"` // a file that holds the secret instead
}

// filesConfig says how files are kept where no directory says otherwise.
type filesConfig struct {
	Inline  string `yaml:"inline"`  // up to which size a file lies in the database, at most 1MiB
	Encrypt bool   `yaml:"encrypt"` // whether what is written to new projects is sealed, which nobody turns off then
}

// tierConfig is another place for blocks.
type tierConfig struct {
	Blocks   string           `yaml:"blocks"` // where the tier NAME lies, as blocks; its name in capitals is a policy
	s3Config `yaml:",inline"` // the keys to its bucket; without them those of s3
}

// lineConfig says who goes first where resources are short.
type lineConfig struct {
	HalfLife duration `yaml:"half_life"` // after how long what a project had of the cluster counts half
}

type hostConfig struct {
	Name    string   `yaml:"name"`    // this machine's own if empty
	CPU     float64  `yaml:"cpu"`     // cores to give to processes; 0: all
	Memory  string   `yaml:"memory"`  // for example 12GiB; empty: all but a reserve
	Address string   `yaml:"address"` // where model servers listen and are reached
	Labels  []string `yaml:"labels"`  // words that the list of hosts shows
	Devices string   `yaml:"devices"` // node file that declares simulated accelerators; empty: those of the machine; none: none

	NoReset     bool  `yaml:"no_reset"`     // leave accelerators as they are that fail their test; else they are reset where that is possible
	IgnoredXIDs []int `yaml:"ignored_xids"` // numbers of Nvidia's XIDs that take no device out of service
}

type agentConfig struct {
	Dir string `yaml:"dir"` // what the agent keeps of its processes and environments
	Key string `yaml:"key"` // API key with the scope agent; bine up makes its own
}

type logConfig struct {
	Level  string `yaml:"level"`  // debug, info, warn, error
	Format string `yaml:"format"` // text or json
}

type notifyConfig struct {
	AllowPrivate bool `yaml:"allow_private"` // whether webhooks may be on private addresses
}

// connectorConfig says what connectors of projects may lead to.
type connectorConfig struct {
	Dirs         []string `yaml:"dirs"`          // directories of the server's host at or below which connectors may lead
	AllowPrivate bool     `yaml:"allow_private"` // whether connectors may lead to services on private addresses
}

// mailConfig says where mail goes out.
type mailConfig struct {
	Host         string `yaml:"host"`          // SMTP server; none: no mail is sent
	Port         int    `yaml:"port"`          // 587 if 0
	User         string `yaml:"user"`          // to sign in with, if the server asks
	PasswordFile string `yaml:"password_file"` // file with the password of user
	From         string `yaml:"from"`          // address that mail comes from
	TLS          string `yaml:"tls"`           // required, opportunistic or off
}

// duration is a time.Duration written as 90s or 2m.
type duration time.Duration

func (d *duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("line %d: %q is not a duration: write it like 90s or 2m", n.Line, n.Value)
	}
	*d = duration(v)
	return nil
}

func (d duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }

func defaults() config {
	return config{
		Data: ".bine", Listen: "127.0.0.1:7070", Grace: duration(2 * time.Minute), Line: lineConfig{duration(lease.DefaultHalfLife)},
		Temporal: temporalConfig{Namespace: "bine"}, Host: hostConfig{Address: "127.0.0.1"},
		Log: logConfig{Level: "info", Format: "text"}, Mail: mailConfig{Port: 587, TLS: "required"},
	}
}

// setting is one setting that a flag and an environment variable can give too.
type setting struct {
	flag, env, doc string // flag is empty where others could see the value in the list of processes
	set            func(c *config, text string) error
}

func text(target func(*config) *string) func(*config, string) error {
	return func(c *config, s string) error { *target(c) = s; return nil }
}

// settings lists what can be set without a file.
func settings() []setting {
	return []setting{
		{"data", "BINE_DATA", "directory of everything that is kept", text(func(c *config) *string { return &c.Data })},
		{"listen", "BINE_LISTEN", "address of the API and the pages", text(func(c *config) *string { return &c.Listen })},
		{"public-url", "BINE_URL", "where people and agents reach the API", text(func(c *config) *string { return &c.URL })},
		{"database", "BINE_DATABASE", "sqlite:///path or mysql://user:password@host:port/name", text(func(c *config) *string { return &c.Database })},
		{"temporal", "BINE_TEMPORAL", "address of a Temporal frontend; empty: embedded", text(func(c *config) *string { return &c.Temporal.Address })},
		{"temporal-namespace", "BINE_TEMPORAL_NAMESPACE", "namespace in Temporal", text(func(c *config) *string { return &c.Temporal.Namespace })},
		{"temporal-store", "BINE_TEMPORAL_STORE", "mysql://… for the data of the embedded workflow engine", text(func(c *config) *string { return &c.Temporal.Store })},
		{"temporal-certificates", "BINE_TEMPORAL_CERTIFICATES", "directory with ca.pem, client.pem and client.key", text(func(c *config) *string { return &c.Temporal.Certificates })},
		{"keys", "BINE_KEYS", "directory of the keys that seal payloads and secrets", text(func(c *config) *string { return &c.Keys })},
		{"blocks", "BINE_BLOCKS", "directory of the file system's blocks, or s3://bucket/prefix?endpoint=https://host", text(func(c *config) *string { return &c.Blocks })},
		{"s3-access-key", "BINE_S3_ACCESS_KEY", "with which key the bucket of the blocks is used", text(func(c *config) *string { return &c.S3.AccessKey })},
		{"", "BINE_S3_SECRET_KEY", "the secret that belongs to it", text(func(c *config) *string { return &c.S3.SecretKey })},
		{"s3-secret-key-file", "BINE_S3_SECRET_KEY_FILE", "a file that holds the secret of the access key", text(func(c *config) *string { return &c.S3.SecretKeyFile })},
		{"files-inline", "BINE_FILES_INLINE", "up to which size a file lies in the database, at most 1MiB", text(func(c *config) *string { return &c.Files.Inline })},
		{"files-encrypt", "BINE_FILES_ENCRYPT", "whether what is written to new projects is sealed, which nobody turns off then", func(c *config, s string) (err error) {
			c.Files.Encrypt, err = strconv.ParseBool(s)
			return err
		}},
		{"host-name", "BINE_HOST", "name of this host", text(func(c *config) *string { return &c.Host.Name })},
		{"host-cpu", "BINE_HOST_CPU", "cores to give to processes", func(c *config, s string) (err error) {
			c.Host.CPU, err = strconv.ParseFloat(s, 64)
			return err
		}},
		{"host-memory", "BINE_HOST_MEMORY", "memory to give to processes, for example 12GiB", text(func(c *config) *string { return &c.Host.Memory })},
		{"host-address", "BINE_HOST_ADDRESS", "where model servers of this host are reached", text(func(c *config) *string { return &c.Host.Address })},
		{"devices", "BINE_DEVICES", "node file that declares simulated accelerators; empty: those of the machine; none: none", text(func(c *config) *string { return &c.Host.Devices })},
		{"agent-dir", "BINE_AGENT_DIR", "what the agent keeps of its processes", text(func(c *config) *string { return &c.Agent.Dir })},
		{"agent-key", "BINE_AGENT_KEY", "API key with the scope agent", text(func(c *config) *string { return &c.Agent.Key })},
		{"grace", "BINE_GRACE", "how long a process outlives the last sign of its agent", func(c *config, s string) error {
			d, err := time.ParseDuration(s)
			c.Grace = duration(d)
			return err
		}},
		{"metrics", "BINE_METRICS", "address of /metrics and /healthz of a worker or agent on its own", text(func(c *config) *string { return &c.Metrics })},
		{"log-level", "BINE_LOG_LEVEL", "debug, info, warn or error", text(func(c *config) *string { return &c.Log.Level })},
		{"log-format", "BINE_LOG_FORMAT", "text or json", text(func(c *config) *string { return &c.Log.Format })},
		{"notify-allow-private", "BINE_NOTIFY_ALLOW_PRIVATE", "whether webhooks may be on private addresses", func(c *config, s string) (err error) {
			c.Notify.AllowPrivate, err = strconv.ParseBool(s)
			return err
		}},
		{"connector-dirs", "BINE_CONNECTOR_DIRS", "directories of the server's host at or below which connectors may lead, parted by colons", func(c *config, s string) error {
			c.Connectors.Dirs = filepath.SplitList(s)
			return nil
		}},
		{"connector-allow-private", "BINE_CONNECTOR_ALLOW_PRIVATE", "whether connectors may lead to services on private addresses", func(c *config, s string) (err error) {
			c.Connectors.AllowPrivate, err = strconv.ParseBool(s)
			return err
		}},
	}
}

// addConfigFlags adds --config and a flag for every setting.
func addConfigFlags(f *pflag.FlagSet) {
	f.String("config", "", "configuration file (BINE_CONFIG_FILE)")
	for _, s := range settings() {
		if s.flag == "" {
			continue
		}
		f.String(s.flag, "", s.doc+" ("+s.env+")")
	}
}

// readConfig puts the configuration together and checks it.
func readConfig(f *pflag.FlagSet) (config, error) {
	c := defaults()
	path, _ := f.GetString("config")
	if path == "" {
		path = os.Getenv("BINE_CONFIG_FILE")
	}
	if path != "" {
		if err := c.read(path); err != nil {
			return c, err
		}
	}
	for _, s := range settings() {
		value, from := os.Getenv(s.env), s.env
		if flag := f.Lookup(s.flag); flag != nil && flag.Changed {
			value, from = flag.Value.String(), "--"+s.flag
		}
		if value == "" {
			continue
		}
		if err := s.set(&c, value); err != nil {
			return c, bine.Errorf(bine.Invalid, "%s: %q is not usable: %v", from, value, err)
		}
	}
	return c.complete()
}

// read decodes a file; a key it does not know is a fault.
func (c *config) read(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return bine.Errorf(bine.NotFound, "there is no configuration file %s", path)
	}
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(c); err != nil {
		return bine.Errorf(bine.Invalid, "%s: %s", path, plainYAMLError(err))
	}
	return nil
}

// plainYAMLError takes Go's words out of an error of the YAML reader.
func plainYAMLError(err error) string {
	message := strings.NewReplacer("main.config", "the configuration", "main.", "").Replace(err.Error())
	return strings.ReplaceAll(message, " in type ", " is not a setting of ")
}

// complete fills in what follows from the rest and checks it.
func (c config) complete() (config, error) {
	data, err := filepath.Abs(c.Data)
	if err != nil {
		return c, err
	}
	c.Data = data
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&c.Database, "sqlite://"+filepath.Join(data, "bine.db"))
	fill(&c.Blocks, filepath.Join(data, "blocks"))
	fill(&c.Keys, filepath.Join(data, "keys"))
	fill(&c.Agent.Dir, filepath.Join(data, "agent"))
	fill(&c.URL, "http://"+c.Listen)
	if c.Host.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return c, fmt.Errorf("name of this machine: %w", err)
		}
		c.Host.Name = strings.ToLower(name)
	}
	return c, c.check()
}

func (c config) check() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		fault("listen: %q is not host:port", c.Listen)
	}
	if !strings.HasPrefix(c.Database, "sqlite://") && !strings.HasPrefix(c.Database, "mysql://") {
		fault("database: %q begins with neither sqlite:// nor mysql://", c.Database)
	}
	if err := checkBlocks("blocks", c.Blocks); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, c.checkTiers()...)
	if time.Duration(c.Grace) < 5*time.Second {
		fault("grace: %s is too short: a process must survive a restart of its agent; use 5s or more", time.Duration(c.Grace))
	}
	if half := time.Duration(c.Line.HalfLife); half < time.Minute || half > 366*24*time.Hour {
		fault("line.half_life: %s is not usable: use a time from 1m to 8784h, which is a year", half)
	}
	for _, dir := range c.Connectors.Dirs {
		if !filepath.IsAbs(dir) || filepath.Clean(dir) != dir {
			fault("connectors.dirs: %q is no absolute path in its shortest form", dir)
		}
	}
	if _, known := levels[c.Log.Level]; !known {
		fault("log.level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	if c.Log.Format != "text" && c.Log.Format != "json" {
		fault("log.format: %q is neither text nor json", c.Log.Format)
	}
	if err := bine.HostName(c.Host.Name).Check(); err != nil {
		fault("host.name: %w", err)
	}
	if _, err := memory(c.Host.Memory); err != nil {
		fault("host.memory: %w", err)
	}
	if n, err := memory(c.Files.Inline); err != nil || n > dfs.MaxInline || n == 0 && c.Files.Inline != "" {
		fault("files.inline: %q is not a size from 1 to 1MiB", c.Files.Inline)
	}
	if len(faults) == 0 {
		return nil
	}
	return bine.Errorf(bine.Invalid, "the configuration has faults:\n%w", errors.Join(faults...))
}

// memory reads a size like 12GiB; empty is 0.
func memory(text string) (int64, error) {
	units := []struct {
		suffix string
		factor float64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}
	if text == "" {
		return 0, nil
	}
	for _, u := range units {
		if digits, found := strings.CutSuffix(text, u.suffix); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if err != nil || n < 0 {
				break
			}
			return int64(n * u.factor), nil
		}
	}
	return 0, fmt.Errorf("%q is not a size: write it like 512MiB or 12GiB", text)
}

// print writes the configuration as a file would hold it; what is secret is left out.
func (c config) print(w io.Writer) error {
	if c.Agent.Key != "" {
		c.Agent.Key = "(set)"
	}
	if c.S3.SecretKey != "" {
		c.S3.SecretKey = "(set)"
	}
	c.Tiers = maps.Clone(c.Tiers)
	for name, t := range c.Tiers {
		if t.SecretKey != "" {
			t.SecretKey = "(set)"
			c.Tiers[name] = t
		}
	}
	if u, err := url.Parse(c.Database); err == nil && u.User != nil {
		c.Database = u.Redacted()
	}
	if u, err := url.Parse(c.Temporal.Store); err == nil && u.User != nil {
		c.Temporal.Store = u.Redacted()
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}
