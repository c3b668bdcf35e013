// Package ui serves the pages. It is a consumer of the REST API like any other:
// every handler calls it through package client, in process and with the
// reader's own session, so what a reader may see or do is decided by the API
// alone. The package knows no store and no Temporal.
//
// A page is read by GET and changed by forms, which are sent by htmx where
// scripts run and plainly where not. What is wrong with a form is answered as a
// fragment for its place on the page, or as a page of its own.
package ui

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/bine-ml/bine/client"
	"github.com/bine-ml/bine/templates/assets"
)

// Config is what the pages need.
type Config struct {
	// API answers the REST API below /api/v1. It is only called when a page is
	// asked for, so it may be a handler that is put together later.
	API http.Handler
	// Address is where people reach the installation, for what they copy; empty
	// takes it from each request.
	Address string
	Version string
	Log     *slog.Logger
	Now     func() time.Time // nil is time.Now
}

// UI serves the pages.
type UI struct {
	config Config
	assets assets.Set
}

// New makes the handler of the pages.
func New(c Config) http.Handler {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	u := &UI{config: c, assets: assets.Embedded()}
	mux := http.NewServeMux()
	mux.Handle("GET "+assets.Prefix, u.assets.Handler())
	u.routes(mux)
	protect := http.NewCrossOriginProtection()
	return hardened(protect.Handler(mux))
}

// policy allows what the pages need and nothing inline.
const policy = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// routes is the whole surface, so that every address is found in one place.
func (u *UI) routes(mux *http.ServeMux) {
	mux.Handle("GET /sign-in", u.page(showSignIn))
	mux.Handle("POST /sign-in", u.page(signIn))
	mux.Handle("POST /sign-out", u.page(signOut))
	for pattern, h := range map[string]handler{
		"/{$}":                               showHome,
		"/hosts":                             showHosts,
		"/hosts/{name}":                      showHost,
		"/ask":                               showAsk,
		"/queue":                             showQueue,
		"/leases/{name}":                     showLease,
		"/shares":                            showShares,
		"/devices/{name}":                    showDevice,
		"/keys":                              showKeys,
		"/account":                           showAccount,
		"/admin/users":                       showUsers,
		"/admin/audit":                       showAudit,
		project:                              showProject,
		project + "/runs":                    showRuns,
		project + "/runs/{run}":              showRun,
		project + "/runs/{run}/continue":     showContinuation,
		project + "/runs/{run}/compare":      compareRuns,
		project + "/approvals":               showApprovals,
		project + "/backfills":               showBackfills,
		project + "/backfills/{name}":        showBackfill,
		"/approvals":                         showMyApprovals,
		"/approvals/{project}/{run}/{step}":  showApproval,
		project + "/history":                 showHistory,
		project + "/workflows":               showWorkflows,
		project + "/pipelines":               showPipelines,
		project + "/pipelines/new":           newPipeline,
		project + "/pipelines/{name}":        showPipeline,
		project + "/jobs":                    showJobs,
		project + "/jobs/new":                newJob,
		project + "/jobs/{name}":             showJob,
		project + "/schedules":               showSchedules,
		project + "/schedules/{name}":        showSchedule,
		project + "/files/{path...}":         showFiles,
		project + "/files":                   showFiles,
		project + "/picker":                  pickDirectory,
		project + "/datasets":                showDatasets,
		project + "/access":                  showAccess,
		project + "/trash":                   showTrash,
		project + "/connectors":              showConnectors,
		project + "/snapshots":               showSnapshots,
		project + "/images/{path...}":        showImage,
		project + "/artifacts/{hash}":        showArtifact,
		project + "/artifacts/{hash}/image":  showArtifactImage,
		project + "/environments":            showEnvironments,
		project + "/environments/{name}":     showEnvironment,
		project + "/environments/{name}/log": followEnvironment,
		project + "/models":                  showModels,
		project + "/models/{name}":           showModel,
		project + "/deployments":             showDeployments,
		project + "/deployments/{name}":      showDeployment,
		project + "/members":                 showMembers,
		project + "/pools":                   showPools,
		project + "/experiments":             showExperiments,
		project + "/experiments/{name}":      showExperiment,
	} {
		mux.Handle("GET "+pattern, u.page(h))
	}
	for pattern, h := range map[string]handler{
		"/projects":                             createProject,
		"/ask":                                  answerAsk,
		"/queue/{project}/{name}/priority":      setPriority,
		"/shares/quota":                         changeQuota,
		"/devices/{name}/cordon":                cordonDevice,
		"/hosts/{name}/cordon":                  cordonHost,
		"/keys":                                 createKey,
		"/keys/{name}/delete":                   deleteKey,
		"/account/password":                     setPassword,
		"/admin/users":                          createUser,
		"/admin/users/{name}/delete":            deleteUser,
		project + "/delete":                     deleteProject,
		project + "/pipelines":                  storePipeline,
		project + "/pipelines/check":            checkPipeline,
		project + "/pipelines/{name}/runs":      startRun,
		project + "/pipelines/{name}/key":       makeKey,
		project + "/pipelines/{name}/triggers":  pauseTrigger,
		project + "/pools":                      setPool,
		project + "/pools/{name}/delete":        deletePool,
		project + "/pipelines/{name}/delete":    deletePipeline,
		project + "/runs/{run}/cancel":          cancelRun,
		project + "/runs/{run}/retry":           retryRun,
		project + "/runs/{run}/delete":          deleteRun,
		project + "/runs/{run}/continue":        continueRun,
		project + "/backfills":                  startBackfill,
		project + "/backfills/plan":             planBackfill,
		project + "/backfills/{name}/pause":     pauseBackfill,
		project + "/backfills/{name}/resume":    resumeBackfill,
		project + "/backfills/{name}/cancel":    cancelBackfill,
		"/approvals/{project}/{run}/{step}":     answerApproval,
		"/approvals/answer":                     answerByLink,
		project + "/jobs":                       storeJob,
		project + "/jobs/{name}/executions":     startExecution,
		project + "/jobs/{name}/delete":         deleteJob,
		project + "/schedules":                  setSchedule,
		project + "/schedules/{name}/pause":     pauseSchedule,
		project + "/schedules/{name}/trigger":   triggerSchedule,
		project + "/schedules/{name}/delete":    deleteSchedule,
		project + "/file-actions/mkdir":         makeDirectory,
		project + "/file-actions/upload":        upload,
		project + "/file-actions/rename":        rename,
		project + "/file-actions/remove":        removeFile,
		project + "/file-actions/access":        changeAccess,
		project + "/file-actions/remove-all":    removeAll,
		project + "/file-actions/move":          moveAll,
		project + "/file-actions/copy":          copyAll,
		project + "/file-actions/allow":         allowAll,
		project + "/file-actions/tag":           tagAll,
		project + "/file-actions/untag":         untag,
		project + "/file-actions/permissions":   setPermissions,
		project + "/file-actions/quota":         setQuota,
		project + "/file-actions/policy":        setPolicy,
		project + "/trash/{name}":               restoreFile,
		project + "/trash/{name}/discard":       discardFile,
		project + "/snapshots":                  createSnapshot,
		project + "/snapshots/delete":           deleteSnapshot,
		project + "/snapshots/allow":            allowSnapshots,
		project + "/snapshots/disallow":         disallowSnapshots,
		project + "/datasets/offer":             changeShare(offerShare),
		project + "/datasets/withdraw":          changeShare(withdrawShare),
		project + "/datasets/want":              changeShare(wantShare),
		project + "/datasets/leave":             changeShare(leaveShare),
		project + "/connectors":                 setConnector,
		project + "/connectors/{name}/test":     testConnector,
		project + "/connectors/{name}/delete":   deleteConnector,
		project + "/transfers":                  startTransfer,
		project + "/transfers/{name}/cancel":    cancelTransfer,
		project + "/transfers/{name}/retry":     retryTransfer,
		project + "/sandbox":                    setSandboxed,
		project + "/encryption":                 setEncryption,
		project + "/environments":               createEnvironment,
		project + "/environments/{name}/use":    useEnvironment,
		project + "/deployments":                deploy,
		project + "/deployments/{name}/stop":    stopDeployment,
		project + "/deployments/{name}/delete":  deleteDeployment,
		project + "/deployments/{name}/predict": predict,
		project + "/members":                    setMember,
		project + "/members/{name}/remove":      removeMember,
	} {
		mux.Handle("POST "+pattern, u.page(h))
	}
	mux.Handle("/", u.page(notFound))
}

const project = "/projects/{project}"

// handler answers one request, or says what is wrong.
type handler func(*call) error

// page makes an HTTP handler of h; what h returns is answered here only.
func (u *UI) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner := &inProcess{handler: u.config.API, from: r}
		api, err := client.New(client.Options{URL: "http://api.internal", HTTP: &http.Client{Transport: inner}})
		c := &call{UI: u, w: w, r: r, api: api, inner: inner}
		if err == nil {
			err = h(c)
		}
		if err != nil {
			c.fail(err)
		}
	})
}
