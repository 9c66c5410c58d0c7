// Serves series with client_golang, read from a file of the text format: FILE PORT.
package main

import (
	"bufio"
	"net/http"
	"os"
	"regexp"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

var (
	line  = regexp.MustCompile(`^(\w+)\{(.*)\} (\S+)$`)
	label = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	registry := prometheus.NewRegistry()
	vectors := map[string]*prometheus.GaugeVec{}
	scanner := bufio.NewScanner(file)
	scanner.Buffer(make([]byte, 1<<20), 1<<20)
	for scanner.Scan() {
		found := line.FindStringSubmatch(scanner.Text())
		if found == nil {
			continue
		}
		var names, values []string
		for _, pair := range label.FindAllStringSubmatch(found[2], -1) {
			names, values = append(names, pair[1]), append(values, pair[2])
		}
		vector, ok := vectors[found[1]]
		if !ok {
			vector = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: found[1], Help: found[1]}, names)
			registry.MustRegister(vector)
			vectors[found[1]] = vector
		}
		value, err := strconv.ParseFloat(found[3], 64)
		if err != nil {
			panic(err)
		}
		vector.WithLabelValues(values...).Set(value)
	}
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[2], nil))
}
