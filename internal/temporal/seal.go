package temporal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/protobuf/proto"

	"github.com/bine-ml/bine"
)

const (
	encodingKey    = "encoding"
	sealedEncoding = "binary/encrypted"
	keyIDKey       = "encryption-key-id"

	saltSize  = 16
	nonceSize = 12
)

// Sealer seals payloads with AES-256-GCM and opens them again. It is safe for
// concurrent use.
//
// Each payload has a key of its own, HMAC-SHA-256(key, salt), with a random salt
// of 16 bytes and a random nonce of 12: one key then serves for any number of
// payloads, where random nonces alone would wear it out after 2^32. Stored is
// salt ‖ nonce ‖ ciphertext, and the key's id in the payload's metadata.
type Sealer struct {
	newest Key
	keys   map[string]Key
}

// NewSealer makes a sealer that seals with newest and opens what newest or one
// of the older keys has sealed. An older key can be dropped when no history
// sealed with it is wanted any more.
func NewSealer(newest Key, older ...Key) *Sealer {
	s := &Sealer{newest: newest, keys: map[string]Key{newest.id: newest}}
	for _, k := range older {
		s.keys[k.id] = k
	}
	return s
}

// DataConverter gives the converter of a client whose payloads are sealed.
func (s *Sealer) DataConverter() converter.DataConverter {
	return converter.NewCodecDataConverter(converter.GetDefaultDataConverter(), s)
}

// FailureConverter gives the converter of a client whose failures' messages and
// stack traces are sealed.
func (s *Sealer) FailureConverter() converter.FailureConverter {
	return temporal.NewDefaultFailureConverter(temporal.DefaultFailureConverterOptions{
		DataConverter:          s.DataConverter(),
		EncodeCommonAttributes: true,
	})
}

// Encode seals payloads.
func (s *Sealer) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	sealed := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("seal payload: %w", err)
		}
		data, err := seal(s.newest, plain)
		if err != nil {
			return nil, fmt.Errorf("seal payload: %w", err)
		}
		sealed[i] = &commonpb.Payload{Data: data, Metadata: map[string][]byte{
			encodingKey: []byte(sealedEncoding),
			keyIDKey:    []byte(s.newest.id),
		}}
	}
	return sealed, nil
}

// Decode opens payloads. One that is not sealed, such as those that the server
// makes itself, is given back as it is.
func (s *Sealer) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	opened := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[encodingKey]) != sealedEncoding {
			opened[i] = p
			continue
		}
		id := string(p.GetMetadata()[keyIDKey])
		key, known := s.keys[id]
		if !known {
			return nil, bine.Errorf(bine.Invalid, "a payload was sealed with key %s, which is not among the keys given", id)
		}
		plain, err := open(key, p.GetData())
		if err != nil {
			return nil, fmt.Errorf("open payload sealed with %s: %w", key, err)
		}
		opened[i] = new(commonpb.Payload)
		if err := proto.Unmarshal(plain, opened[i]); err != nil {
			return nil, fmt.Errorf("open payload: %w", err)
		}
	}
	return opened, nil
}

func seal(key Key, plain []byte) ([]byte, error) {
	out := make([]byte, saltSize+nonceSize, saltSize+nonceSize+len(plain)+16)
	rand.Read(out) // never fails
	gcm, err := key.aead(out[:saltSize])
	if err != nil {
		return nil, err
	}
	return gcm.Seal(out, out[saltSize:], plain, nil), nil
}

func open(key Key, sealed []byte) ([]byte, error) {
	if len(sealed) < saltSize+nonceSize {
		return nil, bine.Errorf(bine.Invalid, "sealed payload is too short")
	}
	gcm, err := key.aead(sealed[:saltSize])
	if err != nil {
		return nil, err
	}
	return gcm.Open(nil, sealed[saltSize:saltSize+nonceSize], sealed[saltSize+nonceSize:], nil)
}

// aead gives the cipher of the one payload that has the salt.
func (k Key) aead(salt []byte) (cipher.AEAD, error) {
	derive := hmac.New(sha256.New, k.secret[:])
	derive.Write(salt)
	block, err := aes.NewCipher(derive.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
