package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// TestSparkOverWebHDFS writes and reads partitioned Parquet, and the checkpoint
// of a stream, with both of Hadoop's output committers.
func TestSparkOverWebHDFS(t *testing.T) {
	if !long() {
		t.Skip("Spark takes two minutes and half a gigabyte: make test-all runs it")
	}
	need(t, "java")
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.spark(s.project("judged"))
}

// TestSparkOverS3 has Spark do the same over s3a://.
func TestSparkOverS3(t *testing.T) {
	if !long() {
		t.Skip("Spark's s3a takes Maven: make test-all runs it")
	}
	need(t, "java")
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	p := s.project("judged")
	built := filepath.Join(s.dir, "s3a")
	jars := exec.CommandContext(t.Context(), need(t, "mvn"), "-B", "-q", "package", "-Dbuilt="+built)
	jars.Dir = "s3a"
	if out, err := jars.CombinedOutput(); err != nil {
		t.Fatalf("mvn: %v\n%s", err, tail(string(out)))
	}
	key, err := s.client().CreateKey(t.Context(), client.NewKey{Name: "spark", Project: p, S3: true, Scopes: []bine.Scope{bine.ScopeAll}})
	if err != nil {
		t.Fatal(err)
	}
	s.spark(p, "BINE_TEST_S3A="+filepath.Join(built, "jars"), "AWS_ACCESS_KEY_ID="+key.AccessKey, "AWS_SECRET_ACCESS_KEY="+key.SecretKey)
}

// spark runs the tests of e2e/spark in a project.
func (s *system) spark(p bine.ProjectName, env ...string) {
	s.t.Helper()
	s.pytest(append(env, "BINE_TEST_PROJECT="+string(p)), "../e2e/spark/test_spark.py")
}

// TestFlinkCheckpoints runs a job of Flink that fails and goes on from its
// checkpoint, which is on the server.
func TestFlinkCheckpoints(t *testing.T) {
	if !long() {
		t.Skip("Flink takes Maven: make test-all runs it")
	}
	s := newSystem(t)
	s.start("up", "--log-level", "warn")
	s.ready(30 * time.Second)
	s.maven("flink", s.project("judged"), 2)
}

// maven runs the tests of a Maven project below this directory, of which at
// least so many have to pass, and prints those that were skipped, with reasons.
func (s *system) maven(project string, p bine.ProjectName, least int) {
	s.t.Helper()
	built := filepath.Join(s.dir, project)
	cmd := exec.CommandContext(s.t.Context(), need(s.t, "mvn"), "-B", "-q", "test", "-Dbuilt="+built)
	cmd.Dir = project
	cmd.Env = append(s.env, "BINE_TEST_API="+s.url, "BINE_API_KEY="+s.key(), "BINE_TEST_PROJECT="+string(p), "BINE_TEST_USER=admin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Errorf("mvn: %v\n%s", err, tail(string(out)))
	}
	passed, skipped := surefire(s.t, filepath.Join(built, "surefire-reports"))
	s.t.Logf("%d tests passed, %d were skipped:\n%s", passed, len(skipped), strings.Join(skipped, "\n"))
	if passed < least {
		s.t.Errorf("%d tests passed, want at least %d", passed, least)
	}
}
