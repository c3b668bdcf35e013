package templates

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/bine-ml/bine"
	"github.com/bine-ml/bine/client"
)

// tilesDrawn is up to how many accelerators each has a tile of its own; beyond,
// each is a cell.
const tilesDrawn = 64

// Tiled reports whether each accelerator has a tile.
func (p HostsPage) Tiled() bool { return p.Picture.Devices <= tilesDrawn }

// Racks are the groups that have accelerators to show.
func (p HostsPage) Racks() []client.ClusterGroup {
	return slices.DeleteFunc(slices.Clone(p.Picture.Groups), func(g client.ClusterGroup) bool { return g.Total.GPUs == 0 && p.Picture.Devices > 0 })
}

// seriesColours is how many colours there are for projects; those that come
// later share the last.
const seriesColours = 6

// Legend are the projects that hold accelerators, the ones that hold the most
// first: their places in it are their colours.
func (p HostsPage) Legend() []bine.ProjectShares {
	var all []bine.ProjectShares
	for _, g := range p.Picture.Groups {
		for _, s := range g.Projects {
			i := slices.IndexFunc(all, func(known bine.ProjectShares) bool { return known.Project == s.Project })
			if i < 0 {
				all = append(all, s)
			} else {
				all[i].Milli += s.Milli
			}
		}
	}
	slices.SortFunc(all, func(a, b bine.ProjectShares) int {
		return cmp.Or(cmp.Compare(b.Milli, a.Milli), cmp.Compare(a.Project, b.Project))
	})
	return all
}

// Drawing draws with the colours of a legend.
type Drawing struct {
	colours map[bine.ProjectName]int
}

// Drawing gives what the picture is drawn with.
func (p HostsPage) Drawing() Drawing {
	d := Drawing{colours: map[bine.ProjectName]int{}}
	for i, s := range p.Legend() {
		d.colours[s.Project] = min(i, seriesColours-1)
	}
	return d
}

// Colour is the place of a project among the colours.
func (d Drawing) Colour(p bine.ProjectName) int { return d.colours[p] }

func projectName(p bine.ProjectName) string {
	return cmp.Or(string(p), "another project")
}

// holders says which projects have a device, with their parts where there are several.
func holders(by []bine.ProjectShares) string {
	var names []string
	for _, s := range by {
		name := projectName(s.Project)
		if len(by) > 1 || s.Milli < 1000 {
			name += " " + share(s.Milli, 1000)
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// say tells of a device what its cell shows.
func say(d bine.DevicePicture) string {
	text := fmt.Sprintf("%s #%d, %s", strings.TrimSpace(d.Model+" "+d.Profile), d.Index, word(d.State))
	if len(d.By) > 0 {
		text += ", " + holders(d.By)
	} else if d.State == bine.DeviceReady {
		text += ", free"
	}
	if d.Busy != nil {
		text += ", " + share(*d.Busy, 1) + " busy"
	}
	return text
}

// signs stand in the cells of devices that are not ready.
var signs = map[bine.DeviceState]string{
	bine.DeviceCordoned: "M3 13 13 3", bine.DeviceDraining: "M8 3v9m-3-3 3 3 3-3", bine.DeviceTesting: "M8 5v4m0 2.5v.2",
	bine.DeviceProbation: "M8 4v5m0 2.5v.2", bine.DeviceLost: "m4 4 8 8m0-8-8 8",
}

// Cell draws a device: how much of it is granted, by whom, how busy it is, and
// whether anything is the matter with it.
func (d Drawing) Cell(device bine.DevicePicture) template.HTML {
	var b strings.Builder
	fmt.Fprintf(&b, `<a class="chip is-%s" href="%s" title="%s" aria-label="%s"><svg viewBox="0 0 16 16" aria-hidden="true"><rect class="chip-frame" x=".75" y=".75" width="14.5" height="14.5" rx="2.5"/>`,
		tone(device.State), html.EscapeString(join("devices", device.ID)), html.EscapeString(say(device)), html.EscapeString(say(device)))
	at := 0
	for _, s := range device.By {
		part := min(s.Milli, 1000-at)
		fmt.Fprintf(&b, `<rect class="series-%d" x="2" y="%.1f" width="12" height="%.1f"/>`, d.Colour(s.Project), 14-12*float64(at+part)/1000, 12*float64(part)/1000)
		at += part
	}
	if device.Busy != nil && *device.Busy > 0 {
		fmt.Fprintf(&b, `<rect class="chip-busy" x="2" y="12" width="%.1f" height="2"/>`, 12*min(1, *device.Busy))
	}
	if sign := signs[device.State]; sign != "" {
		fmt.Fprintf(&b, `<path class="chip-sign" d="%s"/>`, sign)
	}
	b.WriteString(`</svg></a>`)
	return template.HTML(b.String())
}

// Bar draws who has how much of a group of devices.
func (d Drawing) Bar(g client.ClusterGroup) template.HTML { return d.bar(g.Projects, g.Total.GPUs) }

func (d Drawing) bar(by []bine.ProjectShares, devices float64) template.HTML {
	var b strings.Builder
	b.WriteString(`<svg class="share-bar" aria-hidden="true">`)
	at := 0.0
	for _, s := range by {
		part := 0.1 * float64(s.Milli) / max(1, devices)
		fmt.Fprintf(&b, `<rect class="series-%d" x="%s" width="%s" height="10"/>`, d.Colour(s.Project), percent(at), percent(part))
		at += part
	}
	b.WriteString(`</svg>`)
	return template.HTML(b.String())
}

// ailing says what is the matter with hosts and devices of a group; empty is
// nothing.
func ailing(g client.ClusterGroup) string {
	var all []string
	if g.Lost > 0 {
		all = append(all, plural(g.Lost, "host")+" lost")
	}
	for _, s := range []bine.DeviceState{bine.DeviceLost, bine.DeviceTesting, bine.DeviceDraining, bine.DeviceProbation, bine.DeviceCordoned} {
		if n := g.States[s]; n > 0 {
			all = append(all, plural(n, "GPU")+" "+word(s))
		}
	}
	return strings.Join(all, ", ")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Tile is a device with the colours of those who have it.
type Tile struct {
	bine.DevicePicture
	Drawing
}

// Tile draws a device with its name.
func (d Drawing) Tile(device bine.DevicePicture) Tile { return Tile{device, d} }

// Held draws who has how much of the device.
func (t Tile) Held() template.HTML { return t.bar(t.By, 1) }
