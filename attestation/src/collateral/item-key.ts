// What a mirror of vendors' collateral can hold: for each kind, what tells one item from another.
import * as z from 'zod';
import { sha256Schema } from '@wardround/protocol/documents/primitives';
import { snpProducts } from '../snp/product.ts';
import { tcbComponents } from '../snp/tcb.ts';

const product = z.enum(snpProducts);
/** Whose key signs reports: the chip's (VCEK) or a cloud provider's (VLEK). AMD has an intermediate for each. */
const signer = z.enum(['vcek', 'vlek']);
const level = z.int().min(0).max(255);

const keySchemas = [
  /** Intermediate and root, as AMD's KDS gives them in one file. */
  z.strictObject({ kind: z.literal('amdCertChain'), product, signer }),
  z.strictObject({ kind: z.literal('amdCrl'), product, signer }),
  /** One chip's certificate for one TCB. */
  z.strictObject({
    kind: z.literal('amdVcek'),
    product,
    chipId: z.string().regex(/^(?:[0-9a-f]{16}|[0-9a-f]{128})$/, 'expected 128 lower-case hex digits, or 16 on Turin'),
    tcb: z.strictObject({
      fmc: level.exactOptional(),
      bootLoader: level,
      tee: level,
      snp: level,
      microcode: level,
    }),
  }),
  z.strictObject({
    kind: z.literal('intelTcbInfo'),
    fmspc: z.string().regex(/^[0-9a-f]{12}$/, 'expected 12 lower-case hex digits'),
  }),
  z.strictObject({ kind: z.literal('intelQeIdentity') }),
  z.strictObject({ kind: z.literal('intelPckCrl'), ca: z.enum(['processor', 'platform']) }),
  z.strictObject({ kind: z.literal('intelRootCrl') }),
  z.strictObject({
    kind: z.literal('nvidiaRim'),
    /** As NVIDIA's RIM service names it. The alphabet also keeps an id from steering an address. */
    id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/, 'expected an id such as NV_GPU_DRIVER_GH100_550.144.03'),
  }),
  /** By SHA-256 over the DER of the certificate that is asked about. */
  z.strictObject({ kind: z.literal('nvidiaOcsp'), certificate: sha256Schema }),
  /** The keys of NVIDIA's attestation service, which nothing signs. */
  z.strictObject({ kind: z.literal('nvidiaNrasKeys') }),
] as const;

export const itemKeySchema = z.discriminatedUnion('kind', keySchemas);
export type ItemKey = z.infer<typeof itemKeySchema>;
export type ItemKind = ItemKey['kind'];
export type KeyOf<Kind extends ItemKind> = Extract<ItemKey, { kind: Kind }>;
export type AmdSigner = z.infer<typeof signer>;

/** One line that names an item, for people and for sorting; two keys are the same item exactly when their names are equal. */
export function keyName(key: ItemKey): string {
  switch (key.kind) {
    case 'amdCertChain':
    case 'amdCrl':
      return `${key.kind} ${key.product} ${key.signer}`;
    case 'amdVcek': {
      const levels = tcbComponents.flatMap((name) => (key.tcb[name] === undefined ? [] : [String(key.tcb[name])]));
      return `${key.kind} ${key.product} ${key.chipId} ${levels.join('.')}`;
    }
    case 'intelTcbInfo':
      return `${key.kind} ${key.fmspc}`;
    case 'intelPckCrl':
      return `${key.kind} ${key.ca}`;
    case 'intelQeIdentity':
    case 'intelRootCrl':
    case 'nvidiaNrasKeys':
      return key.kind;
    case 'nvidiaRim':
      return `${key.kind} ${key.id}`;
    case 'nvidiaOcsp':
      return `${key.kind} ${key.certificate}`;
  }
}
