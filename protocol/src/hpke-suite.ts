// The one HPKE suite of the protocol (RFC 9180): health data must outlive today's key exchange, so the KEM is a hybrid with ML-KEM.
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_MLKEM768_X25519 } from 'hpke';

/** MLKEM768-X25519 (KEM 0x647a, also called X-Wing), HKDF-SHA256, AES-256-GCM. Source: draft-ietf-hpke-pq. */
export const hpkeSuite = new CipherSuite(KEM_MLKEM768_X25519, KDF_HKDF_SHA256, AEAD_AES_256_GCM);

/** Lengths of the KEM, in bytes: ML-KEM-768's and X25519's side by side; the private key is the seed of both. */
export const hpkePublicKeyLength = 1216;
export const hpkeEncLength = 1120;
export const hpkeSeedLength = 32;
