package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// ours is the tile's path by C2SP tlog-tiles; this library writes the tile's height before the level, and other words for entries.
func ours(tile tlog.Tile) string {
	path := strings.TrimPrefix(tile.Path(), fmt.Sprintf("tile/%d/", height))
	return "tile/" + strings.Replace(path, "data/", "entries/", 1)
}

// path fails where the library does not take the path for a tile's.
func path(spelling string) error {
	rest := strings.TrimPrefix(spelling, "tile/")
	if strings.HasPrefix(rest, "entries/") {
		rest = strings.Replace(rest, "entries/", "data/", 1)
	} else if strings.HasPrefix(rest, "data/") {
		return errors.New("data is no word of C2SP")
	}
	_, err := tlog.ParseTilePath(fmt.Sprintf("tile/%d/%s", height, rest))
	return err
}

// source reads tiles below a web address or in a folder.
type source struct {
	base string
	read int
}

func (s *source) Height() int                     { return height }
func (s *source) SaveTiles([]tlog.Tile, [][]byte) {}

func (s *source) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	read := make([][]byte, len(wanted))
	for i, tile := range wanted {
		body, err := s.get(ours(tile))
		if err != nil {
			return nil, err
		}
		read[i] = body
	}
	return read, nil
}

func (s *source) get(path string) ([]byte, error) {
	s.read++
	if !strings.HasPrefix(s.base, "http://") {
		return os.ReadFile(s.base + "/" + path)
	}
	got, err := http.Get(s.base + "/" + path)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, got.Status)
	}
	return body, err
}

// tiles reads every leaf hash through the library's verifying reader, compares each with its entry, and makes proofs from tiles alone:
// of the entries that are asked for, and from the trees of as many entries to this one.
func tiles(asked request) (answer, error) {
	tree := tlog.Tree{N: asked.Size}
	copy(tree.Hash[:], asked.Root)
	from := &source{base: asked.Base}
	reader := tlog.TileHashReader(tree, from)
	indexes := make([]int64, tree.N)
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, int64(i))
	}
	all, err := reader.ReadHashes(indexes)
	if err != nil {
		return answer{}, err
	}
	for start := int64(0); start < tree.N; start += 1 << height {
		stop := start + 1<<height
		if stop > tree.N {
			stop = tree.N
		}
		tile := tlog.Tile{H: height, L: -1, N: start >> height, W: int(stop - start)}
		bundle, err := from.get(ours(tile))
		if err == nil {
			err = compared(bundle, all[start:stop])
		}
		if err != nil {
			return answer{}, fmt.Errorf("%s: %w", ours(tile), err)
		}
	}
	told := answer{}
	for _, index := range asked.Indexes {
		record, err := tlog.ProveRecord(tree.N, index, reader)
		if err != nil {
			return answer{}, err
		}
		older, err := tlog.ProveTree(tree.N, index+1, reader)
		if err != nil {
			return answer{}, err
		}
		told.Records, told.Trees = append(told.Records, plain(record)), append(told.Trees, plain(older))
	}
	told.Read = from.read
	return told, nil
}

func compared(bundle []byte, leaves []tlog.Hash) error {
	for i, leaf := range leaves {
		if len(bundle) < 2 || len(bundle) < 2+int(binary.BigEndian.Uint16(bundle)) {
			return errors.New("too short")
		}
		entry := bundle[2 : 2+int(binary.BigEndian.Uint16(bundle))]
		if hash := tlog.RecordHash(entry); !bytes.Equal(hash[:], leaf[:]) {
			return fmt.Errorf("entry %d is not that of its leaf", i)
		}
		bundle = bundle[2+len(entry):]
	}
	if len(bundle) > 0 {
		return errors.New("too long")
	}
	return nil
}

func plain(path []tlog.Hash) [][]byte {
	made := make([][]byte, len(path))
	for i := range path {
		made[i] = append([]byte(nil), path[i][:]...)
	}
	return made
}
