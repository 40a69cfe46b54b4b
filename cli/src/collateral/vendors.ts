// Where vendors give out their collateral, and how an item is asked for. Whoever answers is not believed: the item is verified.
import type { ItemKey, KeyOf } from '@wardround/attestation/collateral/item-key';
import type { ItemFiles } from '@wardround/attestation/collateral/verified-item';
import { WardroundError } from '@wardround/protocol/errors';
import type { SendRequest } from './http.ts';

/** Base addresses without a slash at the end. A hospital's own mirror, or a caching service, may stand in for each. */
export interface VendorAddresses {
  readonly amd: string;
}

export const vendorAddresses: VendorAddresses = {
  /** AMD 57230: the Key Distribution Service. */
  amd: 'https://kdsintf.amd.com',
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
}

const smallest = 65_536;
const listBytes = 262_144;

/** @throws Unavailable, and WardroundError as `HttpClient.send`; `collateral-unsupported` */
export async function obtain(key: ItemKey, how: Obtaining): Promise<Obtained> {
  switch (key.kind) {
    case 'amdCertChain':
      return await plain(amdAddress(key, 'cert_chain', how), { how, maxBytes: smallest });
    case 'amdCrl':
      return await under(
        { kind: 'amdCertChain', product: key.product, signer: key.signer },
        { url: amdAddress(key, 'crl', how), how, maxBytes: listBytes },
      );
    case 'amdVcek':
      return await under(
        { kind: 'amdCertChain', product: key.product, signer: 'vcek' },
        { url: vcekAddress(key, how), how, maxBytes: smallest },
      );
    default:
      throw new WardroundError('collateral-unsupported', 'this version cannot fetch that kind of item', {
        got: key.kind,
      });
  }
}

/** Whose service gives out an item: requests to one are made one after the other. */
export function vendorOf({ kind }: ItemKey): string {
  return kind.replace(/[A-Z].*$/, '');
}

interface Ask {
  readonly how: Obtaining;
  readonly maxBytes: number;
}

async function plain(url: string, { how, maxBytes }: Ask): Promise<Obtained> {
  const { bytes } = await how.send({ url, maxBytes });
  return { files: { content: bytes, chain: null }, source: url };
}

/** The chain first: without it nothing can be said of what it signs. */
async function under(chainKey: ItemKey, { url, how, maxBytes }: Ask & { readonly url: string }): Promise<Obtained> {
  const chain = await how.need(chainKey);
  const { bytes } = await how.send({ url, maxBytes });
  return { files: { content: bytes, chain: chain.content }, source: url };
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
