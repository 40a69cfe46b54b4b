// Where vendors give out their collateral, and how an item is asked for. Whoever answers is not believed: the item is verified.
import * as z from 'zod';
import type { ItemKey, KeyOf } from '@wardround/attestation/collateral/item-key';
import type { ItemFiles } from '@wardround/attestation/collateral/verified-item';
import type { Wanted } from '@wardround/attestation/collateral/wanted';
import { nrasKeysFile } from '@wardround/attestation/collateral/nras-keys';
import { readJwks } from '@wardround/attestation/nvidia/nras-keys';
import { ocspRequest } from '@wardround/attestation/collateral/ocsp-request';
import { type Bytes, copyBytes, utf8 } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import type { HttpAnswer, SendRequest } from './http.ts';

/** Base addresses without a slash at the end. A hospital's own mirror, or a caching service, may stand in for each. */
export interface VendorAddresses {
  readonly amd: string;
  readonly intel: string;
  readonly intelCertificates: string;
  readonly nvidiaRim: string;
  readonly nvidiaOcsp: string;
  readonly nvidiaNras: string;
}

export const vendorAddresses: VendorAddresses = {
  /** AMD 57230: the Key Distribution Service. */
  amd: 'https://kdsintf.amd.com',
  /** Intel PCS API v4. */
  intel: 'https://api.trustedservices.intel.com',
  intelCertificates: 'https://certificates.trustedservices.intel.com',
  /** docs.nvidia.com/attestation, RIM service and OCSP service. */
  nvidiaRim: 'https://rim.attestation.nvidia.com',
  nvidiaOcsp: 'https://ocsp.ndis.nvidia.com',
  /** docs.nvidia.com/attestation, remote attestation service. */
  nvidiaNras: 'https://nras.attestation.nvidia.com',
};

export interface Obtained {
  readonly files: ItemFiles;
  readonly source: string;
}

export interface Obtaining {
  readonly send: SendRequest;
  readonly addresses: VendorAddresses;
  /** An item that this one is signed under, from the mirror or from its vendor. */
  readonly need: (key: ItemKey) => Promise<ItemFiles>;
  /** For NVIDIA's RIM service, which may want one; never part of an address or a message. */
  readonly nvidiaApiKey: string | undefined;
  readonly now: () => Date;
}

const maxBytes = {
  certificate: 65_536,
  list: 262_144,
  document: 262_144,
  rim: 1_048_576,
  ocsp: 16_384,
  jwks: 65_536,
} as const;

/** @throws Unavailable, and WardroundError as `HttpClient.send`; `collateral-answer` for what is no such answer */
export async function obtain({ key, chain }: Wanted, how: Obtaining): Promise<Obtained> {
  switch (key.kind) {
    case 'amdCertChain':
      return await plain({ url: amdAddress(key, 'cert_chain', how), maxBytes: maxBytes.certificate }, how);
    case 'amdCrl': {
      const { content } = await how.need({ kind: 'amdCertChain', product: key.product, signer: key.signer });
      return withChain(content, await plain({ url: amdAddress(key, 'crl', how), maxBytes: maxBytes.list }, how));
    }
    case 'amdVcek': {
      const { content } = await how.need({ kind: 'amdCertChain', product: key.product, signer: 'vcek' });
      return withChain(content, await plain({ url: vcekAddress(key, how), maxBytes: maxBytes.certificate }, how));
    }
    case 'intelTcbInfo':
    case 'intelQeIdentity':
    case 'intelPckCrl':
      return await intel(key, how);
    case 'intelRootCrl': {
      const url = `${how.addresses.intelCertificates}/IntelSGXRootCA.der`;
      const { chain: signers } = await how.need({ kind: 'intelQeIdentity' });
      return withChain(signers, await plain({ url, maxBytes: maxBytes.list }, how));
    }
    case 'nvidiaRim':
      return await rim(key, how);
    case 'nvidiaOcsp':
      return await ocsp(key, { chain, how });
    case 'nvidiaNrasKeys':
      return await nrasKeys(how);
  }
}

/** Whose service gives out an item: requests to one are made one after the other. */
export function vendorOf({ kind }: ItemKey): string {
  return kind.replace(/[A-Z].*$/, '');
}

async function plain(request: { url: string; maxBytes: number }, { send }: Obtaining): Promise<Obtained> {
  const { bytes } = await send(request);
  return { files: { content: bytes, chain: null }, source: request.url };
}

function withChain(chain: Bytes | null, { files, source }: Obtained): Obtained {
  return { files: { ...files, chain }, source };
}

/** AMD 57230: `/{vcek|vlek}/v1/{product}/{cert_chain|crl}`. */
function amdAddress(
  { product, signer }: KeyOf<'amdCertChain'> | KeyOf<'amdCrl'>,
  what: 'cert_chain' | 'crl',
  { addresses }: Obtaining,
): string {
  return `${addresses.amd}/${signer}/v1/${product}/${what}`;
}

/** AMD 57230: the chip's id and the patch levels that its key was derived for. */
function vcekAddress({ product, chipId, tcb }: KeyOf<'amdVcek'>, { addresses }: Obtaining): string {
  const levels = new URLSearchParams({
    ...(tcb.fmc === undefined ? {} : { fmcSPL: String(tcb.fmc) }),
    blSPL: String(tcb.bootLoader),
    teeSPL: String(tcb.tee),
    snpSPL: String(tcb.snp),
    ucodeSPL: String(tcb.microcode),
  });
  return `${addresses.amd}/vcek/v1/${product}/${chipId}?${levels.toString()}`;
}

type IntelKey = KeyOf<'intelTcbInfo'> | KeyOf<'intelQeIdentity'> | KeyOf<'intelPckCrl'>;

/** PCS API v4: the item in the body, the certificates of its signer in a header, PEM in percent encoding. */
async function intel(key: IntelKey, { send, addresses }: Obtaining): Promise<Obtained> {
  const { path, header } = intelResource(key);
  const url = `${addresses.intel}${path}`;
  const answer = await send({ url, maxBytes: key.kind === 'intelPckCrl' ? maxBytes.list : maxBytes.document });
  return { files: { content: answer.bytes, chain: issuerChain(answer, { header, url }) }, source: url };
}

function intelResource(key: IntelKey): { readonly path: string; readonly header: string } {
  switch (key.kind) {
    case 'intelTcbInfo':
      return { path: `/tdx/certification/v4/tcb?fmspc=${key.fmspc}`, header: 'tcb-info-issuer-chain' };
    case 'intelQeIdentity':
      return { path: '/tdx/certification/v4/qe/identity', header: 'sgx-enclave-identity-issuer-chain' };
    case 'intelPckCrl':
      return {
        path: `/sgx/certification/v4/pckcrl?ca=${key.ca}&encoding=der`,
        header: 'sgx-pck-crl-issuer-chain',
      };
  }
}

function issuerChain({ headers }: HttpAnswer, { header, url }: { header: string; url: string }): Bytes {
  const value = headers.get(header);
  try {
    if (value !== undefined) return utf8(decodeURIComponent(value));
  } catch {
    // Malformed percent encoding: no chain either.
  }
  throw new WardroundError('collateral-answer', 'the answer does not say who signed it', {
    where: url,
    expected: `a header ${header}`,
  });
}

const rimAnswer = z.looseObject({ id: z.string(), rim: z.string().regex(/^[A-Za-z0-9+/\r\n]+={0,2}\s*$/) });

/** NVIDIA's RIM service: `{ "id", "rim": base64 of the manifest, … }`. */
async function rim(key: KeyOf<'nvidiaRim'>, { send, addresses, nvidiaApiKey }: Obtaining): Promise<Obtained> {
  const url = `${addresses.nvidiaRim}/v1/rim/${key.id}`;
  const bearer = nvidiaApiKey === undefined ? {} : { bearer: nvidiaApiKey };
  const { bytes } = await send({ url, maxBytes: maxBytes.rim, ...bearer });
  const answer = rimAnswer.safeParse(parsed(bytes));
  if (!answer.success || answer.data.id !== key.id) {
    throw new WardroundError('collateral-answer', 'not an answer of a RIM service about this id', {
      where: url,
      expected: `JSON with id ${key.id} and rim`,
    });
  }
  return { files: { content: copyBytes(Buffer.from(answer.data.rim, 'base64')), chain: null }, source: url };
}

function parsed(bytes: Bytes): unknown {
  try {
    return parseLimitedJson(bytes);
  } catch {
    return null;
  }
}

/** RFC 6960, appendix A: a POST. */
async function ocsp(
  key: KeyOf<'nvidiaOcsp'>,
  { chain, how }: { chain: Bytes | null; how: Obtaining },
): Promise<Obtained> {
  if (chain === null) {
    throw new WardroundError('collateral-chain-missing', 'which certificate this is about is not known any more', {
      expected: '--for BUNDLE.json, with the evidence that it is in',
    });
  }
  const url = `${how.addresses.nvidiaOcsp}/`;
  const body = { type: 'application/ocsp-request', bytes: ocspRequest(chain, key.certificate) };
  const { bytes } = await how.send({ url, maxBytes: maxBytes.ocsp, body });
  return { files: { content: bytes, chain }, source: url };
}

/** What the service shows over TLS is all that says whose keys these are: nobody on the way may be able to change it. @throws WardroundError `collateral-unsigned` */
async function nrasKeys({ send, addresses, now }: Obtaining): Promise<Obtained> {
  const url = `${addresses.nvidiaNras}/.well-known/jwks.json`;
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'https:' && hostname !== '127.0.0.1') {
    throw new WardroundError('collateral-unsigned', 'nothing signs these keys, so they are fetched over TLS alone', {
      where: url,
      expected: 'an https address',
    });
  }
  const { bytes } = await send({ url, maxBytes: maxBytes.jwks });
  const keys = readJwks(parsed(bytes), { source: url, fetchedAt: now() });
  return { files: { content: nrasKeysFile(keys), chain: null }, source: url };
}
