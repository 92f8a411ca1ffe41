// Reads a dashboard and tells what Grafana's schema of dashboards, panels and queries does not know or misses in it.
//
//	dashboard <dashboard.json        exit code 1: one complaint a line
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// What is of another kind would pass unseen.
var panels = map[string]bool{"row": true, "stat": true, "timeseries": true}

func check(text []byte) error {
	runtime := cog.NewRuntime()
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	// Its error may be a list of none, and what it read is then incomplete.
	err := new(dashboard.Dashboard).UnmarshalJSONStrict(text)
	var complaints cog.BuildErrors
	if err != nil && !(errors.As(err, &complaints) && len(complaints) == 0) {
		return err
	}
	var found dashboard.Dashboard
	if err := json.Unmarshal(text, &found); err != nil {
		return err
	}
	for _, each := range found.Panels {
		if each.Panel != nil && !panels[each.Panel.Type] {
			return fmt.Errorf("panel of type %q: register it here", each.Panel.Type)
		}
	}
	return found.Validate()
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = check(text)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
