// The vendors' roots among the vectors against those that are pinned, and the files that are evidence of nothing, each with its reason.
import { nvidiaRoots } from '@wardround/attestation/nvidia/roots';
import { amdRoots } from '@wardround/attestation/roots';
import { intelRoots } from '@wardround/attestation/tdx/roots';
import { tpmRoots } from '@wardround/attestation/tpm/roots';
import { parseCertificates } from '@wardround/attestation/x509/certificate';
import { vector } from '../vectors.ts';
import type { Row } from './row.ts';
import { judgedCall } from './row.ts';

type Pinned = readonly { readonly sha256: string }[];

export function rootRows(): readonly Row[] {
  const { device, rim } = nvidiaRoots;
  const amd = (product: string): Pinned =>
    amdRoots.filter((root) => root.kind === 'genuine' && root.product === product);
  const roots: readonly (readonly [string, Pinned, boolean])[] = [
    ['snp/ms-tee-av/milan_ark.pem', amd('Milan'), true],
    ['snp/ms-tee-av/genoa_ark.pem', amd('Genoa'), true],
    ['snp/ms-tee-av/turin_ark.pem', amd('Turin'), true],
    ['tdx/dcap-qvl/TrustedRootCA.der', intelRoots, true],
    ['nvidia/roots/nvtrust_gpu_verifier_device_root.pem', device, true],
    ['nvidia/roots/nvtrust_switch_verifier_device_root.pem', device, true],
    ['nvidia/roots/trustee_nvidia_device_root.pem', device, true],
    ['nvidia/roots/nvtrust_gpu_verifier_RIM_root.pem', rim, true],
    ['nvidia/roots/nvtrust_switch_verifier_RIM_root.pem', rim, true],
    ['nvidia/attestation-sdk/trusted_certs/rim_root.crt', rim, true],
    ['nvidia/attestation-sdk/incorrect_rim_root.crt', rim, false],
    ['tpm/go-tpm-tools/gcp_ek_ak_ca_root.crt', tpmRoots, true],
  ];
  return roots.map(([file, pinned, isPinned]): Row => {
    return {
      kind: 'pinned root',
      file,
      what: isPinned ? 'is pinned' : 'is not pinned',
      failures: isPinned ? [] : ['not pinned'],
      judge: async () => {
        const { fields, failures } = await judgedCall(() => parseCertificates([vector(file)])[0]?.fingerprint);
        const known = pinned.some(({ sha256 }) => sha256 === fields);
        return { failures: known ? failures : [...failures, 'not pinned'], fields: null };
      },
    };
  });
}

const sdk = 'nvidia/attestation-sdk';

/** No row judges these. */
export const notEvidence: Readonly<Record<string, string>> = {
  'MANIFEST.md': 'the manifest itself',
  'expected.json': 'the fields that the table compares with',
  'azure/kinvolk/var-data.bin': 'claims of a report that is not among the files, and that nothing vouches for',
  'tdx/go-tdx-guest/report.dat':
    'a TDREPORT: only the machine that made it can check its MAC, so it proves nothing elsewhere',
  'tdx/go-tdx-guest/ccel/ccel_table.dat': 'the ACPI table that says where the log lies',
  'tdx/go-tdx-guest/ccel/nonce.dat': 'what the COS quote was asked for: 64 zero bytes, which the quote’s row compares',
  'tpm/go-tpm-tools/gcp_ek_ak_ca_intermediate_v3.crt': 'an intermediate; no certificate under it is among the files',
  [`${sdk}/sample_attestation_data/hopperClaimsv3_decoded.json`]: 'a token, decoded',
  [`${sdk}/sample_attestation_data/switch_decoded.json`]: 'a token, decoded',
  [`${sdk}/spdm_parsed_output.json`]: 'output of NVIDIA’s parser',
  [`${sdk}/spdm_parsed_output.txt`]: 'output of NVIDIA’s parser',
  [`${sdk}/spdm_req_parsed_output.json`]: 'output of NVIDIA’s parser',
  [`${sdk}/switch_spdm_parsed_output.json`]: 'output of NVIDIA’s parser',
  [`${sdk}/switch_spdm_parsed_output.txt`]: 'output of NVIDIA’s parser',
  [`${sdk}/switch_spdm_req_parsed_output.json`]: 'output of NVIDIA’s parser',
};
