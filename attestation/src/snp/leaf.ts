// The certificate of a chip's signing key (VCEK) or of a provider's (VLEK): which machine and which firmware it speaks for.
import { WardroundError } from '@wardround/protocol/errors';
import type { Bytes } from '@wardround/protocol/bytes';
import { equalBytes } from '@wardround/protocol/bytes';
import type { Certificate } from '../x509/certificate.ts';
import { derTags, readIa5String, readSingle, readSmallInteger } from '../x509/der.ts';
import type { SnpProduct } from './product.ts';
import { productOfName } from './product.ts';
import type { SnpReport } from './report.ts';
import { signingKeys } from './report.ts';
import type { Tcb } from './tcb.ts';
import { decodeTcb, differingComponents } from './tcb.ts';

/** AMD's extension arc, 1.3.6.1.4.1.3704.1 (AMD 57230, table of VCEK certificate extensions). */
const arc = '1.3.6.1.4.1.3704.1';
export const snpExtensions = {
  structureVersion: `${arc}.1`,
  productName: `${arc}.2`,
  bootLoader: `${arc}.3.1`,
  tee: `${arc}.3.2`,
  snp: `${arc}.3.3`,
  reserved4: `${arc}.3.4`,
  reserved5: `${arc}.3.5`,
  reserved6: `${arc}.3.6`,
  reserved7: `${arc}.3.7`,
  microcode: `${arc}.3.8`,
  fmc: `${arc}.3.9`,
  hardwareId: `${arc}.4`,
  provider: `${arc}.5`,
} as const;

export type SnpKeyKind = 'VCEK' | 'VLEK';

export interface SnpLeaf {
  readonly certificate: Certificate;
  readonly kind: SnpKeyKind;
  readonly product: SnpProduct;
  readonly tcb: Tcb;
  /** The chip (VCEK): 64 bytes, 8 on Turin. */
  readonly hardwareId: Bytes | undefined;
  /** The cloud provider (VLEK). */
  readonly provider: string | undefined;
}

const kinds: Readonly<Record<string, SnpKeyKind>> = { 'SEV-VCEK': 'VCEK', 'SEV-VLEK': 'VLEK' };

/**
 * The one leaf among `certificates`, whatever their order. Where several were given (a mirror holds a certificate for each of a federation's chips, and
 * AMD signs one anew at each request), the one that speaks for the chip and the firmware of `report`: its key is then the same whichever it is.
 * @throws WardroundError `snp-leaf-missing`, `snp-leaf-ambiguous`, `snp-leaf-key`, `snp-leaf-extension`, `snp-product`
 */
export function findSnpLeaf(certificates: readonly Certificate[], report?: SnpReport): SnpLeaf {
  const leaves = certificates.filter(({ commonName }) => Object.hasOwn(kinds, commonName));
  const [certificate, ...more] = leaves;
  if (certificate === undefined) throw new WardroundError('snp-leaf-missing', 'no VCEK or VLEK certificate was given');
  return more.length === 0 ? readLeaf(certificate) : onlyFitting(leaves.map(readLeaf), report);
}

function onlyFitting(leaves: readonly SnpLeaf[], report: SnpReport | undefined): SnpLeaf {
  const fitting = report === undefined ? [] : leaves.filter((leaf) => speaksFor(leaf, report));
  const [newest, ...others] = fitting.toSorted(
    (left, right) => right.certificate.notAfter.getTime() - left.certificate.notAfter.getTime(),
  );
  const isOneKey = others.every(({ certificate: { publicKey } }) => newest?.certificate.publicKey.equals(publicKey));
  if (newest !== undefined && isOneKey) return newest;
  throw new WardroundError('snp-leaf-ambiguous', 'more than one VCEK or VLEK certificate was given', {
    expected: 'one, or one key for the chip and the firmware of the report',
    got: `${leaves.length}, of which ${fitting.length} fit`,
  });
}

function speaksFor({ kind, product, tcb, hardwareId }: SnpLeaf, report: SnpReport): boolean {
  if (report.signingKey !== (kind === 'VCEK' ? signingKeys.vcek : signingKeys.vlek)) return false;
  if (differingComponents(decodeTcb(report.tcb.reported, product), tcb).length > 0) return false;
  const chip = new Uint8Array(64);
  chip.set(hardwareId ?? []);
  return kind === 'VLEK' || equalBytes(chip, report.chipId);
}

function readLeaf(certificate: Certificate): SnpLeaf {
  const kind = kinds[certificate.commonName];
  if (kind === undefined) throw new WardroundError('snp-leaf-missing', 'no VCEK or VLEK certificate was given');
  requireChipKey(certificate);
  return refuseOddExtensions(() => {
    const product = productOfName(readIa5String(required(certificate, 'productName')));
    return {
      certificate,
      kind,
      product,
      tcb: readTcb(certificate, product),
      hardwareId: kind === 'VCEK' ? readHardwareId(certificate, product) : absent(certificate, 'hardwareId'),
      provider: kind === 'VLEK' ? readIa5String(required(certificate, 'provider')) : absent(certificate, 'provider'),
    };
  });
}

function requireChipKey(certificate: Certificate): void {
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const isChipKey = asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'secp384r1';
  if (!isChipKey || certificate.authority.mayIssue) {
    throw new WardroundError('snp-leaf-key', `${certificate.commonName} is not a certificate of a P-384 signing key`);
  }
}

function readTcb(certificate: Certificate, product: SnpProduct): Tcb {
  const level = (name: ExtensionName): number => readSmallInteger(required(certificate, name));
  for (const name of ['reserved4', 'reserved5', 'reserved6', 'reserved7'] as const) requireZero(certificate, name);
  const older = {
    bootLoader: level('bootLoader'),
    tee: level('tee'),
    snp: level('snp'),
    microcode: level('microcode'),
  };
  if (product === 'Turin') return { fmc: level('fmc'), ...older };
  absent(certificate, 'fmc');
  return older;
}

/** Raw bytes in every genuine certificate seen; some generators wrap them in an OCTET STRING, which only the length tells apart. */
function readHardwareId(certificate: Certificate, product: SnpProduct): Bytes {
  const value = required(certificate, 'hardwareId');
  const length = product === 'Turin' ? 8 : 64;
  if (value.byteLength === length) return value;
  if (value.byteLength === length + 2) {
    const wrapped = readSingle(value);
    if (wrapped.tag === derTags.octetString && wrapped.value.byteLength === length) return wrapped.value;
  }
  throw new WardroundError('snp-leaf-extension', 'the hardware id has another length', {
    expected: `${length} bytes`,
    got: `${value.byteLength} bytes`,
  });
}

type ExtensionName = keyof typeof snpExtensions;

function required(certificate: Certificate, name: ExtensionName): Bytes {
  const extension = certificate.extensions.get(snpExtensions[name]);
  if (extension === undefined) {
    throw new WardroundError('snp-leaf-extension', `${certificate.commonName} lacks an extension`, { expected: name });
  }
  return extension.value;
}

function absent(certificate: Certificate, name: ExtensionName): undefined {
  if (!certificate.extensions.has(snpExtensions[name])) return undefined;
  throw new WardroundError(
    'snp-leaf-extension',
    `${certificate.commonName} has an extension that does not belong there`,
    { got: name },
  );
}

function requireZero(certificate: Certificate, name: ExtensionName): void {
  const extension = certificate.extensions.get(snpExtensions[name]);
  if (extension !== undefined && readSmallInteger(extension.value) !== 0) {
    throw new WardroundError('snp-leaf-extension', 'a reserved patch level is not zero', { where: name });
  }
}

function refuseOddExtensions<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof WardroundError && error.code === 'der-malformed') {
      throw new WardroundError('snp-leaf-extension', 'an extension cannot be read', {
        cause: error,
        got: error.message,
      });
    }
    throw error;
  }
}
