module github.com/bine-ml/bine/e2e

go 1.26.10

replace github.com/bine-ml/bine => ../

require github.com/bine-ml/bine v0.0.0-00010101000000-000000000000
