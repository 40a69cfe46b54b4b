// Roots that vouch for attestation keys, by fingerprint.

export interface TpmRoot {
  readonly name: 'google-cloud' | 'simulated';
  readonly sha256: string;
}

/**
 * Google Cloud's EK/AK CA Root (RSA-4096, to 2122), for vTPMs of Shielded and Confidential VMs; compared with the copy in
 * google/go-tpm-tools, `server/ca-certs/gcp_ek_ak_ca_root.crt`.
 */
export const tpmRoots: readonly TpmRoot[] = [
  { name: 'google-cloud', sha256: '594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2' },
];

/** The genuine ones and, only where a policy names them, simulated roots. */
export function trustedTpmRoots(simulated: readonly string[] = []): readonly TpmRoot[] {
  return [...tpmRoots, ...simulated.map((sha256): TpmRoot => ({ name: 'simulated', sha256 }))];
}
