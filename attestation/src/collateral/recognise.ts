// Files without an index, as somebody downloaded them: what each is, told by its content, and which certificates it is signed under.
import * as z from 'zod';
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes, toHex } from '@wardround/protocol/bytes';
import { parseLimitedJson } from '@wardround/protocol/canonical-json';
import { parseNrasKeys, readJwks } from '../nvidia/nras-keys.ts';
import { openRim } from '../nvidia/rim/verify.ts';
import { parseNvidiaCertificates } from '../nvidia/chain.ts';
import { findSnpLeaf } from '../snp/leaf.ts';
import { readCollateralFile } from '../tdx/collateral-file.ts';
import { readSignedJson } from '../tdx/signed-json.ts';
import { readTcbInfo } from '../tdx/tcb-info.ts';
import type { Certificate } from '../x509/certificate.ts';
import { ecdsaP384Sha384 } from '../x509/signature-scheme.ts';
import { isAnswered, parseOcspResponse } from '../x509/ocsp.ts';
import { readOnlyCrl } from './amd.ts';
import { CertificatePool } from './certificate-pool.ts';
import type { ItemKey } from './item-key.ts';
import { itemKeySchema } from './item-key.ts';
import { nrasKeysFile } from './nras-keys.ts';
import { pemOf } from './pem-of.ts';
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

type Found = Pick<Recognised, 'key' | 'files'>;

/**
 * Nothing is verified here: a file that claims to be an item is a candidate, no more.
 * @param at as of when keys that bear no date are taken
 */
export function recognise(files: readonly NamedFile[], at: Date): Recognition {
  const parts = files.flatMap(unpack);
  const pool = new CertificatePool(parts);
  const single = parts.flatMap(({ name, bytes }) =>
    recognisers
      .flatMap((read) => attempt(() => read({ name, bytes }, { pool, at })))
      .map((found) => ({ name, ...found })),
  );
  const items = [...amdChains(pool), ...single];
  const known = new Set([...items.map(({ name }) => name), ...pool.namesOfAuthorities()]);
  return { items, unknown: files.map(({ name }) => name).filter((name) => !known.has(name)) };
}

/** Files that hold several items, or an item in an envelope. */
function unpack(file: NamedFile): readonly NamedFile[] {
  if (file.bytes[0] !== openingBrace) return [file];
  const collateral = attempt(() => {
    const { tcbInfo, qeIdentity, pckCrl, rootCrl, ...chains } = readCollateralFile(file.bytes);
    const bodies = [tcbInfo, qeIdentity, pckCrl, rootCrl].flatMap((body) => (body === undefined ? [] : [body]));
    return [...bodies, ...Object.values(chains).flat()].map((bytes) => ({ name: file.name, bytes: copyBytes(bytes) }));
  });
  return collateral.length > 0 ? collateral : [file];
}

const openingBrace = 0x7b;

function amdChains(pool: CertificatePool): readonly Recognised[] {
  return pool.amd.map(({ product, signer, chain, name }) => ({
    name,
    key: { kind: 'amdCertChain', product, signer },
    files: { content: chain, chain: null },
  }));
}

interface Around {
  readonly pool: CertificatePool;
  readonly at: Date;
}

type Recogniser = (file: NamedFile, around: Around) => readonly Found[];

const amdLeaf: Recogniser = ({ bytes }, { pool }) =>
  pool.certificatesIn(bytes).flatMap((certificate) => attempt(() => leafOf(certificate, pool)));

function leafOf(certificate: Certificate, { amd }: CertificatePool): readonly Found[] {
  const { kind, product, tcb, hardwareId } = findSnpLeaf([certificate]);
  const authority = amd.find((candidate) => candidate.product === product && candidate.signer === 'vcek');
  if (kind !== 'VCEK' || hardwareId === undefined || authority === undefined) return [];
  const key = { kind: 'amdVcek' as const, product, chipId: toHex(hardwareId), tcb };
  return [{ key, files: { content: certificate.der, chain: authority.chain } }];
}

/** AMD's root signs one list for both kinds of signer: which of them it was fetched for, its bytes do not say. */
const amdList: Recogniser = ({ bytes }, { pool: { amd } }) => {
  const { crl } = readOnlyCrl(bytes);
  return amd
    .filter(({ root }) => root.subject === crl.issuer)
    .map(({ product, signer, chain }) => ({
      key: { kind: 'amdCrl', product, signer },
      files: { content: bytes, chain },
    }));
};

const intelDocument: Recogniser = ({ bytes }, { pool: { intel } }) => {
  const chain = intel.tcbSigning;
  if (chain === null) return [];
  const tcbInfo = attempt<Found>(() => {
    const { fmspc } = readTcbInfo(readSignedJson(bytes, 'tcbInfo').value);
    return [{ key: { kind: 'intelTcbInfo', fmspc }, files: { content: bytes, chain } }];
  });
  const identity = attempt<Found>(() => {
    readSignedJson(bytes, 'enclaveIdentity');
    return [{ key: { kind: 'intelQeIdentity' }, files: { content: bytes, chain } }];
  });
  return [...tcbInfo, ...identity];
};

const intelList: Recogniser = ({ bytes }, { pool: { intel } }) => {
  const { issuer } = readOnlyCrl(bytes).crl;
  const authorities = (['platform', 'processor'] as const).flatMap((ca): readonly Found[] => {
    const authority = intel[ca];
    if (authority === null || authority.subject !== issuer) return [];
    return [{ key: { kind: 'intelPckCrl', ca }, files: { content: bytes, chain: authority.chain } }];
  });
  const { root, anyChain } = intel;
  if (root === null || anyChain === null || root.subject !== issuer) return authorities;
  return [...authorities, { key: { kind: 'intelRootCrl' }, files: { content: bytes, chain: anyChain } }];
};

const rimEnvelope = z.looseObject({ id: z.string(), rim: z.string() });

/** As the RIM service answers: `{ "id", "rim" (base64), … }`. */
const nvidiaEnvelope: Recogniser = ({ bytes }) => {
  const { id, rim } = rimEnvelope.parse(parseLimitedJson(bytes));
  return rimItem(id, copyBytes(Buffer.from(rim, 'base64')));
};

/** A manifest's text does not say its id: the file's name does, or it is of no use. */
const nvidiaRim: Recogniser = ({ name, bytes }) => {
  openRim({ xml: bytes });
  return rimItem(/(?:^|[\\/])(NV_[A-Za-z0-9._-]+?)(?:\.(?:xml|swidtag))?$/.exec(name)?.[1] ?? '', bytes);
};

function rimItem(id: string, content: Bytes): readonly Found[] {
  const key = itemKeySchema.safeParse({ kind: 'nvidiaRim', id });
  return key.success ? [{ key: key.data, files: { content, chain: null } }] : [];
}

/** Of a chain that is among the files the certificate that the answer is about. */
const nvidiaOcsp: Recogniser = ({ bytes }, { pool: { files } }) => {
  const response = parseOcspResponse(bytes);
  const chains = files.flatMap((file) => attempt(() => [parseNvidiaCertificates([file.bytes])]));
  return chains.flatMap((certificates) =>
    certificates.slice(0, -1).flatMap((certificate, position): readonly Found[] => {
      const issuer = certificates[position + 1] ?? certificate;
      const question = { certificate, issuer, scheme: ecdsaP384Sha384, at: new Date(0) };
      if (!isAnswered(question, [response])) return [];
      const key = { kind: 'nvidiaOcsp' as const, certificate: certificate.fingerprint };
      return [{ key, files: { content: bytes, chain: pemOf(certificates) } }];
    }),
  );
};

/** A JWKS as the service shows it, or keys as a mirror keeps them. */
const nvidiaNrasKeys: Recogniser = ({ name, bytes }, { at }) => {
  const value = parseLimitedJson(bytes, { maxBytes: 65_536, maxDepth: 6 });
  const kept = attempt(() => [parseNrasKeys(value)]);
  const [keys] = kept.length > 0 ? kept : [readJwks(value, { source: `file ${name}`, fetchedAt: at })];
  return keys === undefined
    ? []
    : [{ key: { kind: 'nvidiaNrasKeys' }, files: { content: nrasKeysFile(keys), chain: null } }];
};

const recognisers: readonly Recogniser[] = [
  amdLeaf,
  amdList,
  intelDocument,
  intelList,
  nvidiaEnvelope,
  nvidiaRim,
  nvidiaOcsp,
  nvidiaNrasKeys,
];

/** What cannot be read as one thing may be another. */
function attempt<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch {
    return [];
  }
}
