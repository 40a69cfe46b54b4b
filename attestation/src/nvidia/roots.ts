// NVIDIA's roots, by fingerprint: one for the devices, another for the reference values. Neither speaks for the other.
import type { Certificate } from '../x509/certificate.ts';
import { requireTrusted } from '../roots.ts';

/** `simulated` roots are those that a site's policy named, and say so everywhere. */
export interface NvidiaRoot {
  readonly kind: 'genuine' | 'simulated';
  readonly sha256: string;
}

export interface NvidiaRoots {
  readonly device: readonly NvidiaRoot[];
  readonly rim: readonly NvidiaRoot[];
}

/**
 * SHA-256 over the DER certificates `NVIDIA Device Identity CA` and `NVIDIA CoRIM signing Root CA`, as NVIDIA ships them with
 * nvtrust (`local_gpu_verifier/src/verifier/certs/verifier_device_root.pem`, `verifier_RIM_root.pem`); compared with the copies of its
 * switch verifier, its C++ attestation SDK (`trusted_certs/rim_root.crt`), confidential-containers/trustee, and the chains of
 * genuine evidence.
 */
export const nvidiaRoots: NvidiaRoots = {
  device: [{ kind: 'genuine', sha256: '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48' }],
  rim: [{ kind: 'genuine', sha256: '12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1' }],
};

/** NVIDIA's and, only where a policy names them, simulated roots (which may sign both devices and reference values). */
export function trustedNvidiaRoots(simulated: readonly string[] = []): NvidiaRoots {
  const named = simulated.map((sha256): NvidiaRoot => ({ kind: 'simulated', sha256 }));
  return { device: [...nvidiaRoots.device, ...named], rim: [...nvidiaRoots.rim, ...named] };
}

/** @throws WardroundError `nvidia-root-untrusted` */
export function requireNvidiaRoot(root: Certificate, roots: readonly NvidiaRoot[]): NvidiaRoot {
  return requireTrusted(root.fingerprint, roots, 'nvidia-root-untrusted');
}
