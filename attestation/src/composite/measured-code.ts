// Measured code against what a release lists, and in words.
import type { MeasuredCode } from './processor.ts';

/**
 * Whether the release's entry names this code: every value of it, and of the registers of a TPM each one that the entry lists (a quote may
 * select more; which ones it must select, the site's policy says).
 */
export function isListed(entry: MeasuredCode, code: MeasuredCode): boolean {
  switch (entry.platform) {
    case 'sevSnp':
      return code.platform === 'sevSnp' && code.measurement === entry.measurement;
    case 'tdx':
      return code.platform === 'tdx' && code.mrtd === entry.mrtd && code.rtmrs.join() === entry.rtmrs.join();
    case 'vtpm': {
      if (code.platform !== 'vtpm' || code.bank !== entry.bank || entry.pcrs.length === 0) return false;
      const quoted = new Map(code.pcrs.map(({ index, value }) => [index, value]));
      return entry.pcrs.every(({ index, value }) => quoted.get(index) === value);
    }
  }
}

/** One line, for people. */
export function codeText(code: MeasuredCode): string {
  switch (code.platform) {
    case 'sevSnp':
      return code.measurement;
    case 'tdx':
      return `MRTD ${code.mrtd}, RTMR ${code.rtmrs.join(' ')}`;
    case 'vtpm':
      return `${code.bank} ${code.pcrs.map(({ index, value }) => `PCR${index} ${value}`).join(', ')}`;
  }
}
