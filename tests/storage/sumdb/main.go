// Somebody else's verifier: Go's checksum database code (golang.org/x/mod/sumdb) looks at our log.
//
// One JSON request a line on stdin, one JSON answer a line on stdout; "error" is empty where everything holds.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type request struct {
	Do      string
	Entries [][]byte   // leaves: what is appended
	Size    int64      // proofs, tiles
	Root    []byte     // proofs, tiles
	Records [][][]byte // proofs: a path for each index
	Trees   [][][]byte // proofs: a path for each older size, from 1 on
	Text    string     // note, file
	Keys    []string   // note, file
	Entry   []byte     // file
	Base    string     // tiles: an http address or a folder
	Indexes []int64    // tiles: of which entries proofs are made from tiles
	Path    string     // path
}

type answer struct {
	Error   string
	Text    string     `json:",omitempty"`
	Signers []string   `json:",omitempty"`
	Read    int        `json:",omitempty"`
	Records [][][]byte `json:",omitempty"`
	Trees   [][][]byte `json:",omitempty"`
	Extra   []byte     `json:",omitempty"`
}

// stored are the hashes of a log of our entries, as this library keeps them.
type stored []tlog.Hash

func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(s)) {
			return nil, fmt.Errorf("no hash %d", index)
		}
		read[i] = s[index]
	}
	return read, nil
}

var (
	leaves int64
	hashes stored
)

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked request
		var told answer
		if err = json.Unmarshal(line, &asked); err == nil {
			told, err = serve(asked)
		}
		if err != nil {
			told.Error = err.Error()
		}
		if out.Encode(told) != nil {
			return
		}
	}
}

func serve(asked request) (answer, error) {
	switch asked.Do {
	case "leaves":
		return answer{}, grow(asked.Entries)
	case "proofs":
		return answer{}, proofs(asked)
	case "note":
		return open(asked.Text, asked.Keys)
	case "file":
		return proofFile(asked)
	case "tiles":
		return tiles(asked)
	case "path":
		return answer{}, path(asked.Path)
	}
	return answer{}, errors.New("unknown request")
}

func grow(entries [][]byte) error {
	for _, entry := range entries {
		added, err := tlog.StoredHashes(leaves, entry, hashes)
		if err != nil {
			return err
		}
		hashes = append(hashes, added...)
		leaves++
	}
	return nil
}

// proofs checks all paths of one size against the root that this library computes from the entries.
func proofs(asked request) error {
	root, err := tlog.TreeHash(asked.Size, hashes)
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], asked.Root) {
		return errors.New("another root")
	}
	for index, path := range asked.Records {
		if err := tlog.CheckRecord(path32(path), asked.Size, root, int64(index), leaf(int64(index))); err != nil {
			return fmt.Errorf("entry %d of %d: %w", index, asked.Size, err)
		}
	}
	for i, path := range asked.Trees {
		old, err := tlog.TreeHash(int64(i+1), hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(path32(path), asked.Size, root, int64(i+1), old); err != nil {
			return fmt.Errorf("size %d in %d: %w", i+1, asked.Size, err)
		}
	}
	return nil
}

func leaf(index int64) tlog.Hash { return hashes[tlog.StoredHashIndex(0, index)] }

func path32(path [][]byte) []tlog.Hash {
	made := make([]tlog.Hash, len(path))
	for i, one := range path {
		copy(made[i][:], one)
	}
	return made
}

func open(text string, keys []string) (answer, error) {
	verifiers := make([]note.Verifier, len(keys))
	for i, key := range keys {
		verifier, err := verifierOf(key)
		if err != nil {
			return answer{}, err
		}
		verifiers[i] = verifier
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return answer{}, err
	}
	told := answer{Text: opened.Text}
	for _, signature := range opened.Sigs {
		told.Signers = append(told.Signers, signature.Name)
	}
	return told, nil
}

func verifierOf(key string) (note.Verifier, error) {
	parts := strings.SplitN(key, "+", 3)
	if len(parts) == 3 {
		if raw, err := base64.StdEncoding.DecodeString(parts[2]); err == nil && len(raw) == 33 && raw[0] == 4 {
			id, err := strconv.ParseUint(parts[1], 16, 32)
			return cosigner{parts[0], uint32(id), raw[1:]}, err
		}
	}
	return note.NewVerifier(key)
}

// cosigner is what C2SP tlog-cosignature adds to signed notes: a signature over the time and the checkpoint.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }
func (c cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(signature), text)
	return ed25519.Verify(c.key, []byte(signed), signature[8:])
}

// proofFile reads a c2sp.org/tlog-proof@v1 and checks that it proves the entry.
func proofFile(asked request) (answer, error) {
	head, checkpoint, found := strings.Cut(asked.Text, "\n\n")
	if !found {
		return answer{}, errors.New("no checkpoint")
	}
	told, err := open(checkpoint, asked.Keys)
	if err != nil {
		return told, err
	}
	tree, err := parseTree(told.Text)
	if err != nil {
		return told, err
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" || len(lines) < 2 {
		return told, errors.New("not a tlog-proof@v1")
	}
	lines = lines[1:]
	if encoded, found := cutPrefix(lines[0], "extra "); found {
		if told.Extra, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return told, err
		}
		lines = lines[1:]
	}
	number, found := cutPrefix(lines[0], "index ")
	index, err := strconv.ParseInt(number, 10, 64)
	if !found || err != nil {
		return told, errors.New("no index")
	}
	var path []tlog.Hash
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return told, err
		}
		path = append(path, hash)
	}
	return told, tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(asked.Entry))
}

func parseTree(text string) (tlog.Tree, error) {
	lines := strings.SplitN(text, "\n", 4)
	if len(lines) < 4 {
		return tlog.Tree{}, errors.New("not a checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

func cutPrefix(text, prefix string) (string, bool) {
	return strings.TrimPrefix(text, prefix), strings.HasPrefix(text, prefix)
}
