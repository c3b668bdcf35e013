package server

import (
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bine-ml/bine/server/api"
)

// metrics counts requests by operation: never by path, which callers choose.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newMetrics(r *prometheus.Registry) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "bine_http_requests_total", Help: "Requests by operation and status."}, []string{"operation", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "bine_http_request_seconds", Help: "How long requests took, by operation; streams as long as they lasted.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60}}, []string{"operation"}),
	}
	r.MustRegister(m.requests, m.seconds)
	return m
}

func (m *metrics) count(c *gin.Context) {
	began := time.Now()
	defer func() {
		operation := api.OperationOf(c)
		m.requests.WithLabelValues(operation, strconv.Itoa(c.Writer.Status())).Inc()
		m.seconds.WithLabelValues(operation).Observe(time.Since(began).Seconds())
	}()
	c.Next()
}
