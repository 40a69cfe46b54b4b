// One end of the pipe between vault and courier: frames out with back-pressure, frames in, one at a time.
import type { Readable, Writable } from 'node:stream';
import type * as z from 'zod';
import { encodeFrame, FrameParser } from './codec.ts';
import type { Frame } from './frames.ts';

export interface FramePipe<Out extends { readonly type: string }, In extends { readonly type: string }> {
  /** Resolves when the operating system took the bytes, so that a slow reader slows its writer. */
  send(header: Out, body?: Uint8Array): Promise<void>;
  /** Ends when the other side closes its end; throws when it speaks nonsense. To be read once. */
  readonly incoming: AsyncIterable<Frame<In>>;
}

/**
 * @param schema of the frames that come in: `vaultHeaderSchema` at the courier, `courierHeaderSchema` at the vault
 * @throws WardroundError from `incoming`: those of `FrameParser`
 */
export function openPipe<Out extends { readonly type: string }, In extends { readonly type: string }>({
  input,
  output,
  schema,
}: {
  input: Readable;
  output: Writable;
  schema: z.ZodType<In>;
}): FramePipe<Out, In> {
  return {
    send: async (header, body) => {
      const bytes = encodeFrame(header, body);
      await new Promise<void>((resolve, reject) => {
        output.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    },
    incoming: readFrames(input, schema),
  };
}

async function* readFrames<In extends { readonly type: string }>(
  input: Readable,
  schema: z.ZodType<In>,
): AsyncGenerator<Frame<In>> {
  const parser = new FrameParser(schema);
  for await (const piece of input) {
    if (piece instanceof Uint8Array) yield* parser.push(piece);
  }
  parser.end();
}
