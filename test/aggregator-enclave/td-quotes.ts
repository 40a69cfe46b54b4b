// A TDX quote with the right shape and no genuine signature: for collectors, which pass quotes on and appraise none.
import type { Bytes } from '@wardround/protocol/bytes';
import { concatBytes, fromHex, utf8 } from '@wardround/protocol/bytes';

const little = (value: number, bytes: number): Bytes =>
  Uint8Array.from({ length: bytes }, (_, index) => (value >>> (8 * index)) & 0xff);

/** Version 4: header, TD report, signature data (Intel TDX DCAP Quoting Library API, appendix A.3). */
export function fakeTdQuote({ reportData, mrTd }: { reportData: Uint8Array; mrTd: Uint8Array }): Bytes {
  const header = concatBytes(
    little(4, 2),
    little(2, 2),
    little(0x81, 4),
    new Uint8Array(4),
    fromHex('939a7233f79c4ca9940a0db3957f0607'),
    new Uint8Array(20),
  );
  const body = new Uint8Array(584);
  body.set(mrTd, 136);
  body.set(reportData, 520);
  const pem = utf8('-----BEGIN CERTIFICATE-----\n');
  const inner = concatBytes(
    new Uint8Array(384 + 64),
    little(32, 2),
    new Uint8Array(32),
    little(5, 2),
    little(pem.byteLength, 4),
    pem,
  );
  const signature = concatBytes(new Uint8Array(128), little(6, 2), little(inner.byteLength, 4), inner);
  return concatBytes(header, body, little(signature.byteLength, 4), signature);
}
