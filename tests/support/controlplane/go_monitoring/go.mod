// prometheus-operator, for the schemas of the objects that the chart makes for it.
module maestro-pair.invalid/monitoring

go 1.26.0

require github.com/prometheus-operator/prometheus-operator v0.85.0
