package webhdfs

import "net/url"

// What GET_BLOCK_LOCATIONS answers: the same as GETFILEBLOCKLOCATIONS in the
// words of HDFS itself, which clients before Hadoop 3.4 ask for. Of a datanode
// they take no more than its name, so this server is the only one.

type locatedBlocks struct {
	FileLength        int64          `json:"fileLength"`
	UnderConstruction bool           `json:"isUnderConstruction"`
	LastBlock         *locatedBlock  `json:"lastLocatedBlock"`
	LastComplete      bool           `json:"isLastBlockComplete"`
	Blocks            []locatedBlock `json:"locatedBlocks"`
}

type locatedBlock struct {
	Block           extendedBlock `json:"block"`
	BlockToken      blockToken    `json:"blockToken"`
	CachedLocations []datanode    `json:"cachedLocations"`
	Corrupt         bool          `json:"isCorrupt"`
	Locations       []datanode    `json:"locations"`
	StartOffset     int64         `json:"startOffset"`
	StorageTypes    []string      `json:"storageTypes"`
}

type extendedBlock struct {
	Pool    string `json:"blockPoolId"`
	ID      int64  `json:"blockId"`
	Version int64  `json:"generationStamp"`
	Size    int64  `json:"numBytes"`
}

type blockToken struct {
	URL string `json:"urlString"`
}

// noBlockToken is an empty token as Hadoop encodes it.
const noBlockToken = "AAAAAA"

type datanode struct {
	AdminState      string `json:"adminState"`
	HostName        string `json:"hostName"`
	InfoPort        int    `json:"infoPort"`
	IPAddress       string `json:"ipAddr"`
	IPCPort         int    `json:"ipcPort"`
	Name            string `json:"name"` // with the port
	NetworkLocation string `json:"networkLocation"`
	StorageID       string `json:"storageID"`
	TransferPort    int    `json:"xferPort"`
}

// locatedBlocks answers where the blocks of a file are.
func (c *call) locatedBlocks() (answer, error) {
	info, list, err := c.blocksWanted()
	if err != nil {
		return answer{}, err
	}
	host := (&url.URL{Host: c.r.Host}).Hostname()
	here := datanode{AdminState: "NORMAL", HostName: host, IPAddress: host, Name: c.r.Host, NetworkLocation: "/default-rack", StorageID: "bine"}
	size := blockSizeOf(info)
	located := func(at int64) locatedBlock {
		return locatedBlock{Block: extendedBlock{"bine", info.ID + at/size, info.Version, min(size, info.Size-at)}, BlockToken: blockToken{noBlockToken},
			CachedLocations: []datanode{}, Locations: []datanode{here}, StartOffset: at, StorageTypes: []string{"DISK"}}
	}
	found := locatedBlocks{FileLength: info.Size, LastComplete: true, Blocks: []locatedBlock{}}
	for _, at := range list {
		found.Blocks = append(found.Blocks, located(at))
	}
	if info.Size > 0 {
		last := located((info.Size - 1) / size * size)
		found.LastBlock = &last
	}
	return as("LocatedBlocks", found), nil
}
