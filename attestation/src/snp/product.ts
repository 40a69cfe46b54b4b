// AMD EPYC product lines: which CPUID belongs to which, and what certificates call them.
import { WardroundError } from '@wardround/protocol/errors';

export const snpProducts = ['Milan', 'Genoa', 'Turin'] as const;
export type SnpProduct = (typeof snpProducts)[number];

export interface Cpuid {
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
}

/**
 * The product line of a CPUID. Bergamo and Siena (19h, models A0h to AFh) are certified under Genoa's root.
 * Source: AMD 57230 (VCEK and KDS interface), CPUID column; samples 19/01, 19/11 and 1A/02 measured.
 * @throws WardroundError `snp-product`
 */
export function productOfCpuid({ family, model }: Cpuid): SnpProduct {
  if (family === 0x19 && model <= 0x0f) return 'Milan';
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf))) return 'Genoa';
  if (family === 0x1a && model <= 0x11) return 'Turin';
  throw new WardroundError('snp-product', 'the report comes from a processor that is not known', {
    expected: 'Milan, Genoa or Turin',
    got: `family 0x${family.toString(16)}, model 0x${model.toString(16)}`,
  });
}

/** The product line in a certificate's product name: `Milan-B0` (VCEK, with a stepping) or `Milan` (VLEK). @throws `snp-product` */
export function productOfName(name: string): SnpProduct {
  const line = /^([A-Z][a-z]+)(?:-[A-Z][0-9])?$/.exec(name)?.[1];
  const product = snpProducts.find((candidate) => candidate === line);
  if (product === undefined) {
    throw new WardroundError('snp-product', 'the certificate names a product that is not known', {
      expected: 'Milan, Genoa or Turin',
      got: name,
    });
  }
  return product;
}
