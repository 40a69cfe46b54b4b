// Google's verifiers on the vectors that ours is measured on, offline, with the time of the collateral: one JSON line for each kind.
package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-sev-guest/abi"
	sevpb "github.com/google/go-sev-guest/proto/sevsnp"
	sevverify "github.com/google/go-sev-guest/verify"
	"github.com/google/go-sev-guest/verify/trust"
	tdxabi "github.com/google/go-tdx-guest/abi"
	tdxverify "github.com/google/go-tdx-guest/verify"
)

var vectors = os.Args[1]

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func file(path string) []byte {
	return must(os.ReadFile(filepath.Join(vectors, path)))
}

type canned struct {
	body   []byte
	header map[string][]string
}

// responses answers what a verifier would fetch, by a part of the address.
type responses map[string]canned

func (answers responses) Get(address string) ([]byte, error) {
	_, body, err := answers.find(address)
	return body, err
}

func (answers responses) find(address string) (map[string][]string, []byte, error) {
	for part, answer := range answers {
		if strings.Contains(address, part) {
			return answer.header, answer.body, nil
		}
	}
	return nil, nil, fmt.Errorf("nothing for %s", address)
}

// withHeaders is what go-tdx-guest wants: bodies with headers.
type withHeaders struct{ responses }

func (getter withHeaders) Get(address string) (map[string][]string, []byte, error) {
	return getter.find(address)
}

func snp() func() error {
	raw := file("snp/ms-tee-av/milan_attestation_report.bin")
	vcek := must(trust.ParseCert(file("snp/ms-tee-av/milan_vcek.pem")))
	ask := must(trust.ParseCert(file("snp/ms-tee-av/milan_ask.pem")))
	ark := must(trust.ParseCert(file("snp/ms-tee-av/milan_ark.pem")))
	crl := file("snp/crl/milan-2026-06-22.crl.der")
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	return func() error {
		report, err := abi.ReportToProto(raw)
		if err != nil {
			return err
		}
		chain := &sevpb.CertificateChain{VcekCert: vcek.Raw, AskCert: ask.Raw, ArkCert: ark.Raw}
		options := sevverify.DefaultOptions()
		options.CheckRevocations = true
		options.DisableCertFetching = true
		options.Getter = responses{"/crl": {body: crl}}
		options.Now = now
		return sevverify.SnpAttestation(&sevpb.Attestation{Report: report, CertificateChain: chain}, options)
	}
}

// tdx takes another quote and set than ours: this verifier compares FMSPCs as text, and Intel writes those of 2025 in capitals.
func tdx() func() error {
	from := func(name string) []byte { return file("tdx/go-tdx-guest/" + name) }
	header := func(name, chain string) map[string][]string {
		return map[string][]string{name: {url.QueryEscape(string(from(chain)))}}
	}
	getter := withHeaders{responses{
		"/tcb?":        {from("sample_tcbInfo_response"), header("Tcb-Info-Issuer-Chain", "tcbInfoIssuerChain.pem")},
		"/qe/identity": {from("sample_qeIdentity_response"), header("Sgx-Enclave-Identity-Issuer-Chain", "qeIdentityIssuerChain.pem")},
		"/pckcrl":      {from("pckcrl"), header("Sgx-Pck-Crl-Issuer-Chain", "pckCrlIssuerChain.pem")},
		"RootCA":       {from("rootcrl.der"), nil},
	}}
	raw := file("tdx/trustee/tdx_quote_4.dat")
	now := time.Date(2023, 7, 1, 0, 0, 0, 0, time.UTC)
	return func() error {
		quote, err := tdxabi.QuoteToProto(raw)
		if err != nil {
			return err
		}
		return tdxverify.TdxQuote(quote, &tdxverify.Options{CheckRevocations: true, GetCollateral: true, Getter: getter, Now: now})
	}
}

func measure(name string, seconds float64, verify func() error) {
	if err := verify(); err != nil {
		fmt.Printf("{\"name\":%q,\"error\":%q}\n", name, err.Error())
		return
	}
	var runs []float64
	for range 5 {
		begin, count := time.Now(), 0
		for time.Since(begin).Seconds() < seconds {
			if err := verify(); err != nil {
				fmt.Printf("{\"name\":%q,\"error\":%q}\n", name, err.Error())
				return
			}
			count++
		}
		runs = append(runs, float64(count)/time.Since(begin).Seconds())
	}
	fmt.Printf("{\"name\":%q,\"perSecond\":%s}\n", name, must(json.Marshal(runs)))
}

func main() {
	seconds := must(strconv.ParseFloat(os.Args[2], 64))
	measure("snp", seconds, snp())
	measure("tdx", seconds, tdx())
}
