// The options of `evidence inspect`: one list for all sorts of evidence, and for each sort which of them it needs and which it takes.
// What a sort does not take is refused: an option that is silently ignored looks like a check that was made.
import { WardroundError } from '@wardround/protocol/errors';
import { readAll, readBytes } from './files.ts';

/** Every option that takes a file or a text, as it is written, with what it means. Options that end in `...` may be repeated. */
export const inspectOptions = {
  report: 'the attestation report, as the hardware made it',
  cert: "the chip's certificate, PEM or DER (may be repeated)",
  chain: 'certificates between it and the root, PEM or DER (may be repeated)',
  crl: 'a revocation list, PEM or DER (may be repeated)',
  quote: 'the quote: its bytes, or hex or base64url of them',
  collateral: 'collateral in one JSON file (tcb_info, qe_identity, pck_crl, ...)',
  tcbInfo: 'TCB info as the vendor serves it, with its signature',
  qeIdentity: "the quoting enclave's identity as the vendor serves it, with its signature",
  issuerChain: 'who signed TCB info and identity: signer and root, PEM or DER (may be repeated)',
  pckCrl: 'revocation list of the authority that certified the platform, PEM or DER',
  pckCrlChain: 'that authority and its root, PEM or DER (may be repeated)',
  rootCrl: 'revocation list of the root, PEM or DER',
  eventLog: 'the event log that firmware left',
  nonce: 'the nonce that the evidence must answer, in hex',
  signature: 'the signature over the quote, as the TPM made it, or bare',
  pcrs: 'the register values: JSON, or as tpm2_quote and tpm2_pcrread write them',
  rim: 'a reference manifest of the vendor: XML (may be repeated)',
  ocsp: 'an OCSP answer, DER (may be repeated)',
  nrasToken: "an answer of NVIDIA's attestation service about the same devices (may be repeated)",
  nrasJwks: "that service's keys, as you have them from it: nothing signs them",
  ak: 'the key that signed the quote: a public key or a certificate, PEM or DER',
} as const;

export type InspectOption = keyof typeof inspectOptions;

/** What was given on the command line, by option; an option may be given several times. */
export type Given = Partial<Readonly<Record<InspectOption, readonly string[]>>>;

/** Reads the files and texts that were given, and nothing twice. */
export class Inputs {
  readonly #given: Given;
  /** The argument after the options, for the sorts of evidence that are one file. */
  readonly file: string | undefined;

  constructor(given: Given, file: string | undefined) {
    this.#given = given;
    this.file = file;
  }

  has(option: InspectOption): boolean {
    return (this.#given[option]?.length ?? 0) > 0;
  }

  /** The text of an option, not read as a file. @throws WardroundError `option-missing`, `option-repeated` */
  text(option: InspectOption): string {
    const [first, ...rest] = this.#given[option] ?? [];
    if (first === undefined) throw missing(option);
    if (rest.length === 0) return first;
    throw new WardroundError('option-repeated', 'this option may be given once', { where: `--${dashed(option)}` });
  }

  /** Every text given with this option, in order. */
  texts(option: InspectOption): readonly string[] {
    return this.#given[option] ?? [];
  }

  /** @throws WardroundError `option-missing`, `option-repeated`, `file-unreadable`, `file-too-large` */
  async bytes(option: InspectOption): Promise<Buffer> {
    return await readBytes(this.text(option));
  }

  /** Every file given with this option, in order; none where it was not given. @throws WardroundError `file-*` */
  async all(option: InspectOption): Promise<readonly Buffer[]> {
    return await readAll(this.#given[option] ?? []);
  }
}

export interface Accepts {
  readonly needs: readonly InspectOption[];
  readonly takes: readonly InspectOption[];
  /** Whether the evidence is one file, given as an argument. */
  readonly file: 'needed' | 'taken' | 'none';
}

/** @throws WardroundError `option-missing`, `option-foreign`, `argument-missing`, `argument-foreign` */
export function requireAccepted(kind: string, { needs, takes, file }: Accepts, inputs: Inputs): void {
  for (const option of needs) if (!inputs.has(option)) throw missing(option, kind);
  for (const option of optionNames()) {
    if (needs.includes(option) || takes.includes(option) || !inputs.has(option)) continue;
    throw new WardroundError('option-foreign', `evidence of kind ${kind} takes no such option`, {
      where: `--${dashed(option)}`,
      expected: [...needs, ...takes].map((name) => `--${dashed(name)}`).join(', '),
    });
  }
  if (file === 'needed' && inputs.file === undefined)
    throw new WardroundError('argument-missing', `evidence of kind ${kind} is a file, given as an argument`);
  if (file === 'none' && inputs.file !== undefined)
    throw new WardroundError('argument-foreign', `evidence of kind ${kind} takes its files by options`, {
      got: inputs.file,
      expected: needs.map((name) => `--${dashed(name)} FILE`).join(' '),
    });
}

export function optionNames(): readonly InspectOption[] {
  const isOption = (name: string): name is InspectOption => name in inspectOptions;
  return Object.keys(inspectOptions).filter(isOption);
}

/** As it is typed: `tcbInfo` is `--tcb-info`. */
export function dashed(option: InspectOption): string {
  return option.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function missing(option: InspectOption, kind?: string): WardroundError {
  const what = kind === undefined ? 'an option is missing' : `evidence of kind ${kind} needs an option that is missing`;
  return new WardroundError('option-missing', what, { where: `--${dashed(option)}`, expected: inspectOptions[option] });
}
