package workflows

// WakeSignal tells a workflow that waits for something outside, AwaitStep,
// RunBackfill or a RunPipeline whose turn has not come, to look again. A signal
// that is lost does no harm: they look again by themselves. GrantedSignal means
// the same to them.
const WakeSignal = "wake"
