package place

import (
	"fmt"
	"strings"

	"github.com/bine-ml/bine/gpu"
)

// Choice is what a place was chosen by.
type Choice struct {
	Policy PolicyName `json:"policy"`
	Free   int        `json:"free,omitempty"`   // of one host: devices of the kind that were wholly free
	Of     int        `json:"of,omitempty"`     // of one host: devices that it has
	Spare  int        `json:"spare,omitempty"`  // devices that stay free beside it; of a fraction, thousandths of its device
	Joined bool       `json:"joined,omitempty"` // all by the vendor's own links
	Level  gpu.Level  `json:"level,omitempty"`  // of several hosts: what they have in common
}

var policyWords = map[PolicyName]string{
	FGD: "least fragmentation", BestFit: "best fit", DotProduct: "least alignment", Packing: "packing", Random: "any that fits",
}

// Why says in a sentence for people where a task went, and by what.
func (p Placement) Why() string {
	c := p.Choice
	if len(p.Shares) == 0 {
		return "nothing was placed"
	}
	first := p.Shares[0]
	switch {
	case len(p.Shares) > 1:
		where := "over the cluster"
		if c.Level != "" {
			where = "in one " + string(c.Level)
		}
		var parts []string
		for _, s := range p.Shares {
			parts = append(parts, fmt.Sprintf("%d on %s", len(s.Devices), s.Host))
		}
		return fmt.Sprintf("%d on %d hosts %s, %d stay free there: %s", p.Devices(), len(p.Shares), where, c.Spare, strings.Join(parts, ", "))
	case len(first.Devices) == 0:
		return fmt.Sprintf("on host %s: %s", first.Host, policyWords[c.Policy])
	case first.Devices[0].Milli < 1000:
		return fmt.Sprintf("%.3g of a device on host %s, %.3g of it stays free: %s", float64(first.Devices[0].Milli)/1000, first.Host, float64(c.Spare)/1000, policyWords[c.Policy])
	}
	joined := ""
	if c.Joined {
		joined = ", all joined by the vendor's links"
	}
	return fmt.Sprintf("%d of the %d free of %d on host %s: %s%s", len(first.Devices), c.Free, c.Of, first.Host, policyWords[c.Policy], joined)
}
