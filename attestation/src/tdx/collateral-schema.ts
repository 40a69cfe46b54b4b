// The shapes that Intel's two signed documents share. Unknown members are passed over: Intel adds some without raising the version, and
// what they say is signed by Intel all the same.
import * as z from 'zod';
import { tcbStatuses } from './tcb-status.ts';

/** Hexadecimal in either case, as Intel has written it both ways; read as lower case. */
export const hexBytes = (length: number): z.ZodType<string> =>
  z
    .string()
    .regex(new RegExp(`^[0-9a-fA-F]{${2 * length}}$`), `expected ${length} bytes in hex`)
    .transform((text) => text.toLowerCase());

export const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, 'expected an instant such as 2026-02-18T10:58:51Z')
  .transform((text) => new Date(text))
  .refine((date) => !Number.isNaN(date.getTime()), 'expected an instant that exists');

export const securityVersion = z.int().min(0).max(255);
export const wideSecurityVersion = z.int().min(0).max(65_535);

const advisories = z.array(z.string().regex(/^[A-Za-z0-9-]{1,64}$/)).max(256);

/** A level: what is needed to reach it, and Intel's verdict on whoever reached it and no better. */
export const levelOf = <T extends z.ZodType>(
  tcb: T,
): z.ZodObject<{
  tcb: T;
  tcbDate: z.ZodString;
  tcbStatus: z.ZodEnum<{ [K in (typeof tcbStatuses)[number]]: K }>;
  advisoryIDs: z.ZodOptional<typeof advisories>;
}> =>
  z.object({
    tcb,
    tcbDate: z.string().max(32),
    tcbStatus: z.enum(tcbStatuses),
    advisoryIDs: advisories.optional(),
  });

/** Levels of what has one version number. */
export const simpleLevels = z
  .array(levelOf(z.object({ isvsvn: wideSecurityVersion })))
  .min(1)
  .max(256);

export const head = {
  issueDate: instant,
  nextUpdate: instant,
  tcbEvaluationDataNumber: z.int().min(1).max(1_000_000),
};
