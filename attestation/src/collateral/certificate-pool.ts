// Every certificate in a heap of files, and the vendors' authorities that can be put together from them.
import type { Bytes } from '@wardround/protocol/bytes';
import type { SnpProduct } from '../snp/product.ts';
import { snpProducts } from '../snp/product.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseCertificates } from '../x509/certificate.ts';
import { intermediateName } from './amd.ts';
import { intelNames } from './intel.ts';
import type { AmdSigner } from './item-key.ts';
import { pemOf } from './pem-of.ts';

interface Pooled {
  readonly name: string;
  readonly certificate: Certificate;
}

interface AmdAuthority {
  readonly product: SnpProduct;
  readonly signer: AmdSigner;
  readonly root: Certificate;
  /** PEM, intermediate and root. */
  readonly chain: Bytes;
  /** The file that the intermediate is in. */
  readonly name: string;
}

interface IntelAuthorities {
  readonly root: Certificate | null;
  /** PEM of the signer of documents and the root. */
  readonly tcbSigning: Bytes | null;
  readonly platform: { readonly subject: string; readonly chain: Bytes } | null;
  readonly processor: { readonly subject: string; readonly chain: Bytes } | null;
  /** Any of them: the root is in all. */
  readonly anyChain: Bytes | null;
}

export class CertificatePool {
  readonly files: readonly { readonly name: string; readonly bytes: Bytes }[];
  readonly amd: readonly AmdAuthority[];
  readonly intel: IntelAuthorities;
  /** The one that is valid longest first: vendors issue signers anew for the same key. */
  readonly #pooled: readonly Pooled[];

  constructor(files: readonly { readonly name: string; readonly bytes: Bytes }[]) {
    this.files = files;
    this.#pooled = files
      .flatMap(({ name, bytes }) => this.certificatesIn(bytes).map((certificate) => ({ name, certificate })))
      .toSorted((left, right) => right.certificate.notAfter.getTime() - left.certificate.notAfter.getTime());
    this.amd = snpProducts.flatMap((product) =>
      (['vcek', 'vlek'] as const).flatMap((signer) => this.#amdAuthority(product, signer)),
    );
    this.intel = this.#intelAuthorities();
  }

  /** None where the bytes are something else. */
  certificatesIn(bytes: Bytes): readonly Certificate[] {
    try {
      return parseCertificates([bytes]);
    } catch {
      return [];
    }
  }

  /** Files with a certificate that an authority was made of: they are of use, though no items themselves. */
  namesOfAuthorities(): readonly string[] {
    const amd = this.amd.flatMap((authority) => [`ARK-${authority.product}`, intermediateName(authority)]);
    const useful = new Set<string>([...amd, ...(this.intel.anyChain === null ? [] : Object.values(intelNames))]);
    return this.#pooled.filter(({ certificate }) => useful.has(certificate.commonName)).map(({ name }) => name);
  }

  #find(commonName: string): Pooled | undefined {
    return this.#pooled.find(({ certificate }) => certificate.commonName === commonName);
  }

  #amdAuthority(product: SnpProduct, signer: AmdSigner): readonly AmdAuthority[] {
    const intermediate = this.#find(intermediateName({ product, signer }));
    const root = this.#find(`ARK-${product}`);
    if (intermediate === undefined || root === undefined) return [];
    const chain = pemOf([intermediate.certificate, root.certificate]);
    return [{ product, signer, root: root.certificate, chain, name: intermediate.name }];
  }

  #intelAuthorities(): IntelAuthorities {
    const root = this.#find(intelNames.root)?.certificate ?? null;
    const under = (name: string): { readonly subject: string; readonly chain: Bytes } | null => {
      const certificate = this.#find(name)?.certificate;
      if (certificate === undefined || root === null) return null;
      return { subject: certificate.subject, chain: pemOf([certificate, root]) };
    };
    const [signing, platform, processor] = [
      under(intelNames.tcbSigning),
      under(intelNames.platform),
      under(intelNames.processor),
    ];
    const anyChain = (signing ?? platform ?? processor)?.chain ?? null;
    return { root, tcbSigning: signing?.chain ?? null, platform, processor, anyChain };
  }
}
