// Intel's root for SGX and TDX, by fingerprint, and the simulated one where a policy names it.

export interface TdxRoot {
  readonly kind: 'genuine' | 'simulated';
  /** SHA-256 over the DER certificate. */
  readonly sha256: string;
}

/**
 * Intel SGX Root CA (valid to 2049-12-31). Source: `https://certificates.trustedservices.intel.com/IntelSGXRootCA.der`; compared with
 * the copies that genuine quotes and Intel's collateral carry.
 */
export const intelRoots: readonly TdxRoot[] = [
  { kind: 'genuine', sha256: '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3' },
];

/** The genuine vendor and, only where a policy names them, simulated roots. */
export function tdxRoots(simulated: readonly string[] = []): readonly TdxRoot[] {
  return [...intelRoots, ...simulated.map((sha256): TdxRoot => ({ kind: 'simulated', sha256 }))];
}
