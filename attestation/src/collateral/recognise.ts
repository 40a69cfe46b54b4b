// Files without an index, as somebody downloaded them: what each is, told by its content, and which certificates it is signed under.
import type { Bytes } from '@wardround/protocol/bytes';
import { toHex, utf8 } from '@wardround/protocol/bytes';
import { findSnpLeaf } from '../snp/leaf.ts';
import type { SnpProduct } from '../snp/product.ts';
import { snpProducts } from '../snp/product.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates } from '../x509/certificate.ts';
import { intermediateName, readOnlyCrl } from './amd.ts';
import type { AmdSigner, ItemKey } from './item-key.ts';
import type { ItemFiles } from './verified-item.ts';

export interface NamedFile {
  readonly name: string;
  readonly bytes: Bytes;
}

export interface Recognised {
  readonly name: string;
  readonly key: ItemKey;
  readonly files: ItemFiles;
}

export interface Recognition {
  readonly items: readonly Recognised[];
  /** Files that are nothing of ours, or whose signer's certificates are not among the files. */
  readonly unknown: readonly string[];
}

/** Nothing is verified here: a file that claims to be an item is a candidate, no more. */
export function recognise(files: readonly NamedFile[]): Recognition {
  const pool = new CertificatePool(files);
  const items = [...pool.chains(), ...files.flatMap((file) => recogniseOne(file, pool))];
  const known = new Set([...items.map(({ name }) => name), ...pool.usedIn()]);
  return { items, unknown: files.map(({ name }) => name).filter((name) => !known.has(name)) };
}

interface AmdChain {
  readonly product: SnpProduct;
  readonly signer: AmdSigner;
  readonly root: Certificate;
  readonly bytes: Bytes;
  readonly name: string;
}

/** Every certificate in the files, whatever else they are. */
class CertificatePool {
  readonly certificates: readonly { readonly name: string; readonly certificate: Certificate }[];
  readonly amd: readonly AmdChain[];

  constructor(files: readonly NamedFile[]) {
    this.certificates = files.flatMap(({ name, bytes }) =>
      certificatesIn(bytes).map((certificate) => ({ name, certificate })),
    );
    this.amd = snpProducts.flatMap((product) =>
      (['vcek', 'vlek'] as const).flatMap((signer) => this.#amdChain(product, signer)),
    );
  }

  chains(): readonly Recognised[] {
    return this.amd.map(({ product, signer, bytes, name }) => ({
      name,
      key: { kind: 'amdCertChain', product, signer },
      files: { content: bytes, chain: null },
    }));
  }

  /** Files that gave a certificate to a chain. */
  usedIn(): readonly string[] {
    const names = this.amd.flatMap((chain) => [`ARK-${chain.product}`, intermediateName(chain)]);
    return this.certificates
      .filter(({ certificate }) => names.includes(certificate.commonName))
      .map(({ name }) => name);
  }

  #amdChain(product: SnpProduct, signer: AmdSigner): readonly AmdChain[] {
    const find = (commonName: string): (typeof this.certificates)[number] | undefined =>
      this.certificates.find(({ certificate }) => certificate.commonName === commonName);
    const intermediate = find(intermediateName({ product, signer }));
    const root = find(`ARK-${product}`);
    if (intermediate === undefined || root === undefined) return [];
    const bytes = utf8(pem(intermediate.certificate) + pem(root.certificate));
    return [{ product, signer, root: root.certificate, bytes, name: intermediate.name }];
  }
}

function recogniseOne({ name, bytes }: NamedFile, pool: CertificatePool): readonly Recognised[] {
  return [...amdLeavesIn(bytes, pool), ...amdCrlIn(bytes, pool)].map((found) => ({ name, ...found }));
}

function amdLeavesIn(bytes: Bytes, { amd }: CertificatePool): readonly Omit<Recognised, 'name'>[] {
  return certificatesIn(bytes).flatMap((certificate) =>
    attempt(() => {
      const { kind, product, tcb, hardwareId } = findSnpLeaf([certificate]);
      const chain = amd.find((candidate) => candidate.product === product && candidate.signer === 'vcek');
      if (kind !== 'VCEK' || hardwareId === undefined || chain === undefined) return [];
      const key = { kind: 'amdVcek' as const, product, chipId: toHex(hardwareId), tcb };
      return [{ key, files: { content: certificate.der, chain: chain.bytes } }];
    }),
  );
}

/** AMD's root signs one list for both kinds of signer: which of them it was fetched for, its bytes do not say. */
function amdCrlIn(bytes: Bytes, { amd }: CertificatePool): readonly Omit<Recognised, 'name'>[] {
  return attempt(() => {
    const { crl } = readOnlyCrl(bytes);
    return amd
      .filter(({ root }) => root.subject === crl.issuer)
      .map(({ product, signer, bytes: chain }) => ({
        key: { kind: 'amdCrl' as const, product, signer },
        files: { content: bytes, chain },
      }));
  });
}

function certificatesIn(bytes: Bytes): readonly Certificate[] {
  return attempt(() => parseCertificates([bytes]));
}

/** What cannot be read as one thing may be another. */
function attempt<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch {
    return [];
  }
}

function pem({ der }: Certificate): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
