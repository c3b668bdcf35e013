package temporal_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/internal/temporal"
)

func loadKey(t *testing.T) temporal.Key {
	t.Helper()
	key, err := temporal.LoadKey(filepath.Join(t.TempDir(), "payload.key"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestAKeyIsMadeOnceAndForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "payload.key")
	keys := make([]temporal.Key, 20)
	var all sync.WaitGroup
	for i := range keys {
		all.Go(func() {
			key, err := temporal.LoadKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	all.Wait()
	for _, k := range keys {
		if k != keys[0] || k.ID() == "" {
			t.Errorf("one process has %v, another %v", k, keys[0])
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 || info.Size() != 32 {
		t.Errorf("the key file is %v, %v", info, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the key there is more: %v, %v", left, err)
	}
}

func TestABadKeyFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "payload.key")
	if err := os.WriteFile(path, make([]byte, 32), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := temporal.LoadKey(path); !bine.IsKind(err, bine.Forbidden) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others can read: %v, want what to do about it", err)
	}
	if err := os.WriteFile(path, make([]byte, 31), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := temporal.LoadKey(path); !bine.IsKind(err, bine.Invalid) {
		t.Errorf("a key that is too short: %v", err)
	}
}

func TestAKeyNeverShowsItself(t *testing.T) {
	secret := bytes.Repeat([]byte("s"), 32)
	key, err := temporal.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	untimed := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey { // whose digits may be those of the key
			return slog.Attr{}
		}
		return a
	}
	slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{ReplaceAttr: untimed})).Info("loaded", "key", key)
	for _, text := range []string{log.String(), fmt.Sprintf("%v %+v %#v %s %q %x %d %c", key, key, key, key, key, key, key, key)} {
		if strings.Contains(text, "ss") || strings.Contains(text, "115 115") || strings.Contains(text, "7373") {
			t.Errorf("the key shows itself: %s", text)
		}
	}
}

func payload(text string) *commonpb.Payload {
	return &commonpb.Payload{Metadata: map[string][]byte{"encoding": []byte("json/plain")}, Data: []byte(text)}
}

func TestAPayloadOpensWithItsKeyOnly(t *testing.T) {
	older, newest := loadKey(t), loadKey(t)
	plain := payload(`"canary"`)
	sealed, err := temporal.NewSealer(older).Encode([]*commonpb.Payload{plain, plain})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range sealed {
		if strings.Contains(p.String(), "canary") {
			t.Errorf("sealed payload shows what is in it: %v", p)
		}
	}
	if bytes.Equal(sealed[0].GetData(), sealed[1].GetData()) {
		t.Error("the same payload sealed twice looks the same")
	}
	opened, err := temporal.NewSealer(newest, older).Decode(sealed)
	if err != nil || !proto.Equal(opened[0], plain) || !proto.Equal(opened[1], plain) {
		t.Errorf("opened with the older key: %v, %v", opened, err)
	}
	if _, err := temporal.NewSealer(newest).Decode(sealed); err == nil || !strings.Contains(err.Error(), older.ID()) {
		t.Errorf("opened without the key: %v, want an error that names it", err)
	}
	again, err := temporal.NewSealer(newest, older).Encode([]*commonpb.Payload{plain})
	if err != nil || string(again[0].GetMetadata()["encryption-key-id"]) != newest.ID() {
		t.Errorf("sealed with %v, want the newest key; %v", again, err)
	}
}

func TestAChangedPayloadIsRefused(t *testing.T) {
	sealer := temporal.NewSealer(loadKey(t))
	for place := range 40 { // salt, nonce, text
		sealed, err := sealer.Encode([]*commonpb.Payload{payload(`"canary"`)})
		if err != nil {
			t.Fatal(err)
		}
		sealed[0].Data[place] ^= 1
		if _, err := sealer.Decode(sealed); err == nil {
			t.Errorf("a payload changed at byte %d opens", place)
		}
		sealed[0].Data = sealed[0].Data[:place]
		if _, err := sealer.Decode(sealed); err == nil {
			t.Errorf("a payload of %d bytes opens", place)
		}
	}
}

func TestAPayloadInClearStaysAsItIs(t *testing.T) {
	plain := []*commonpb.Payload{payload(`1`), {}, nil}
	opened, err := temporal.NewSealer(loadKey(t)).Decode(plain)
	if err != nil || len(opened) != 3 || opened[0] != plain[0] || opened[1] != plain[1] {
		t.Errorf("got %v, %v", opened, err)
	}
}

func BenchmarkSeal(b *testing.B) {
	key, err := temporal.NewKey(make([]byte, 32))
	if err != nil {
		b.Fatal(err)
	}
	sealer := temporal.NewSealer(key)
	for _, size := range []int{100, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			plain := []*commonpb.Payload{payload(strings.Repeat("x", size))}
			b.SetBytes(int64(size))
			for b.Loop() {
				sealed, err := sealer.Encode(plain)
				if err == nil {
					_, err = sealer.Decode(sealed)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
