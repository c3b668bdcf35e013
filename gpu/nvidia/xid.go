package nvidia

import (
	"fmt"
	"slices"
	"time"

	"github.com/bine-ml/bine"
)

// xidWords says what the numbers mean that operators meet.
func xidWords() map[int]string {
	return map[int]string{
		13: "exception of the graphics engine", 31: "page fault", 43: "a channel was reset", 45: "channels were cleaned up",
		48: "uncorrectable error of memory (two bits)", 61: "the microcontroller stopped", 62: "the microcontroller halted",
		63: "a row of memory is to be remapped", 64: "a row of memory could not be remapped", 68: "exception of the video processor",
		74: "error of NVLink", 79: "the device fell off the bus", 92: "many errors of one bit", 94: "contained error of memory",
		95: "uncontained error of memory", 109: "time-out of a context switch", 119: "the GSP does not answer", 120: "error of the GSP",
	}
}

// xid makes the fault of an XID.
func xid(device bine.DeviceID, number int, ignored []int) bine.DeviceFault {
	text := fmt.Sprintf("XID %d", number)
	if words, known := xidWords()[number]; known {
		text += ": " + words
	}
	return bine.DeviceFault{Device: device, At: time.Now().UTC(), Kind: "xid", Code: number, Text: text, Fatal: !slices.Contains(ignored, number)}
}
