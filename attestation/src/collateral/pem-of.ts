// Certificates as PEM, in order: the form in which a mirror keeps chains.
import type { Bytes } from '@wardround/protocol/bytes';
import { utf8 } from '@wardround/protocol/bytes';
import type { Certificate } from '../x509/certificate.ts';

export function pemOf(certificates: readonly Pick<Certificate, 'der'>[]): Bytes {
  return utf8(certificates.map(block).join(''));
}

function block({ der }: Pick<Certificate, 'der'>): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
