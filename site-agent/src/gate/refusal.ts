// A refusal at the gate: which check failed, and which of the closed list of statuses says so to the others.
import type { z } from 'zod';
import type { siteStatusCodeSchema } from '@wardround/protocol/documents/round';
import { type ErrorDetail, WardroundError } from '@wardround/protocol/errors';

export type SiteStatusCode = z.infer<typeof siteStatusCodeSchema>;

/** `code` names the check. Nothing at the gate depends on patients' data, so the code may be published. */
export class GateRefusal extends WardroundError {
  readonly status: SiteStatusCode;

  constructor(status: SiteStatusCode, code: string, detail: ErrorDetail & { readonly message: string }) {
    super(code, detail.message, detail);
    this.name = 'GateRefusal';
    this.status = status;
  }
}

/** Not a refusal: something that this site needs has not come yet. */
export class GateWaits extends WardroundError {
  constructor(code: 'evidence-awaited' | 'evidence-due' | 'checkpoint-awaited' | 'receipt-awaited', message: string) {
    super(code, message, { action: 'retry' });
    this.name = 'GateWaits';
  }
}

/** Runs one stage of the gate; whatever fails in it is a refusal of that stage, under its own code. */
export function stage<T>(status: SiteStatusCode, check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (cause instanceof GateRefusal || cause instanceof GateWaits || !(cause instanceof WardroundError)) throw cause;
    const { code, message, action } = cause;
    throw new GateRefusal(status, code, { message, action, cause });
  }
}

/** A check that failed. */
export function refused(code: string, message: string, detail: ErrorDetail = {}): WardroundError {
  return new WardroundError(code, message, { action: 'stop', ...detail });
}
