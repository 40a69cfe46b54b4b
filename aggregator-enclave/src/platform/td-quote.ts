// The two fields of a TDX quote that the enclave compares before it hands the quote on (Intel TDX DCAP Quoting Library API, appendix A.3 and A.4).
// Whether the quote is genuine is for sites to say.
import type { Bytes } from '@wardround/protocol/bytes';
import { copyBytes } from '@wardround/protocol/bytes';
import { WardroundError } from '@wardround/protocol/errors';

/** Where the TD's report begins: version 5 has a descriptor of six bytes before it. */
const bodyAt: Readonly<Record<number, number>> = { 4: 48, 5: 54 };
const mrtdAt = 136;
const reportDataAt = 520;
const bodyBytes = 584;
const teeTdx = 0x81;

/** @throws WardroundError `td-quote-malformed` */
export function readTdQuote(quote: Bytes): { readonly mrtd: Bytes; readonly reportData: Bytes } {
  const view = new DataView(quote.buffer, quote.byteOffset, quote.byteLength);
  const start = quote.byteLength < 8 ? undefined : bodyAt[view.getUint16(0, true)];
  if (start === undefined || quote.byteLength < start + bodyBytes || view.getUint32(4, true) !== teeTdx) {
    throw new WardroundError('td-quote-malformed', 'not a quote of a TD', {
      expected: 'version 4 or 5, TEE type 0x81',
      got: `${quote.byteLength} bytes`,
      action: 'stop',
    });
  }
  const take = (at: number, length: number): Bytes => copyBytes(quote.subarray(start + at, start + at + length));
  return { mrtd: take(mrtdAt, 48), reportData: take(reportDataAt, 64) };
}
