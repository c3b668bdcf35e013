package s3

import (
	"context"
	"strings"
	"testing"
	"time"
)

func TestStyleSaysWhereTheBucketStands(t *testing.T) {
	for _, c := range []struct {
		endpoint, region string
		style            Style
		want             string
	}{
		{"https://host:9000", "", StyleAuto, "https://host:9000/bucket/key?"},
		{"https://host:9000", "", StylePath, "https://host:9000/bucket/key?"},
		{"https://host:9000", "", StyleHost, "https://bucket.host:9000/key?"},
		{"", "eu-north-1", StyleAuto, "https://bucket.s3.dualstack.eu-north-1.amazonaws.com/key?"},
		{"", "eu-north-1", StylePath, "https://s3.dualstack.eu-north-1.amazonaws.com/bucket/key?"},
	} {
		s, err := connect(Config{Endpoint: c.endpoint, Region: c.region, Style: c.style, Bucket: "bucket", AccessKey: "a", SecretKey: "b"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.core.PresignedGetObject(context.Background(), "bucket", "key", time.Minute, nil)
		if err != nil || !strings.HasPrefix(got.String(), c.want) {
			t.Errorf("%+v: got %v, %v", c, got, err)
		}
	}
}
