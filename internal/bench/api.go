package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/bine-ml/bine"
)

const (
	mostOverHTTP = 3
	reads        = 1000 // of each object, at least
)

// API compares reading one object over REST with a server of net/http that
// answers the same bytes, by the same client.
func API(ctx context.Context, in Installation, runs int) ([]Row, error) {
	pipeline, err := in.store(ctx, "api", chain(10), "values: {n: 1}")
	if err != nil {
		return nil, err
	}
	done, err := in.run(ctx, pipeline)
	if err != nil {
		return nil, err
	}
	base := fmt.Sprintf("%s/api/v1/projects/%s", in.API.URL(), in.Project)
	var rows []Row
	for _, object := range []struct{ name, url string }{
		{"a project", base},
		{"a run", base + "/runs/" + string(done.run.ID)},
		{"a pipeline", base + "/pipelines/" + string(pipeline)},
	} {
		row, err := in.read(ctx, object.name, object.url, max(runs, reads))
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// read measures reading one object, by turns with the echo of it.
func (in Installation) read(ctx context.Context, name, url string, samples int) (Row, error) {
	get := func(url string) ([]byte, time.Duration, error) { return fetch(ctx, url, in.Key) }
	body, _, err := get(url)
	if err != nil {
		return Row{}, err
	}
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}))
	defer echo.Close()
	var took, bare sample
	for n := range samples + samples/10 {
		_, d, err := get(url)
		if err != nil {
			return Row{}, err
		}
		_, e, err := get(echo.URL)
		if err != nil {
			return Row{}, err
		}
		if n >= samples/10 { // those before were to warm up
			took, bare = append(took, d), append(bare, e)
		}
	}
	r := Row{Name: "read " + name + " over REST, p50", Size: len(body), Value: micros(took.median()), Unit: "µs"}
	return r.Against(micros(bare.median())).HeldTo(RatioAtMost(mostOverHTTP)), nil
}

// fetch reads what is at url and says how long that took.
func fetch(ctx context.Context, url, key string) (body []byte, took time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(res.Body)
	took = time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return nil, 0, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, 0, bine.Errorf(bine.Internal, "%s answered %s", url, res.Status)
	}
	return body, took, nil
}
