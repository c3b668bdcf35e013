package gpu

import "github.com/bine-ml/bine"

// Of reads what resources ask for in accelerators. A plain number is so many
// of one host; below 1, a share of one device.
func Of(r bine.Resources) (Request, error) {
	switch {
	case r.GPU != "":
		return ParseRequest(r.GPU)
	case r.GPUs <= 0:
		return Request{}, nil
	case r.GPUs < 1:
		return Request{Count: 1, Milli: max(1, int(r.GPUs*1000+0.5))}, nil
	case r.GPUs != float64(int(r.GPUs)):
		return Request{}, bine.Errorf(bine.Invalid, "%g GPUs cannot be had: ask for whole ones, or for a share of one, as 0.5", r.GPUs)
	}
	return Request{Count: int(r.GPUs), Hosts: 1, PerHost: int(r.GPUs)}, nil
}

// On adds what r asks for to other resources.
func (r Request) On(other bine.Resources) bine.Resources {
	other.GPUs = float64(r.Count) * float64(r.Each()) / 1000
	other.GPU = r.String()
	if plain, err := Of(bine.Resources{GPUs: other.GPUs}); err == nil && plain.String() == other.GPU {
		other.GPU = ""
	}
	return other
}
