// Frames as bytes: u32 LE header length, canonical JSON header, u32 LE body length, body. The parser survives any split and believes nothing.
import type * as z from 'zod';
import { type Bytes, concatBytes, copyBytes } from '@wardround/protocol/bytes';
import { canonicalJson, parseStrictJson } from '@wardround/protocol/canonical-json';
import { WardroundError } from '@wardround/protocol/errors';
import { type Frame, maxBodyBytes, maxHeaderBytes, typesWithBody } from './frames.ts';

const headerLimits = { maxBytes: maxHeaderBytes, maxDepth: 3 };
const noBytes: Bytes = new Uint8Array(0);

/**
 * One frame's bytes.
 *
 * @throws WardroundError `frame-body` where the body is too long, or given to a type that has none; `json-*`
 */
export function encodeFrame(
  header: { readonly type: string; readonly [member: string]: unknown },
  body: Uint8Array = noBytes,
): Bytes {
  requireBodyFits(header.type, body.byteLength);
  const json = canonicalJson(header, headerLimits);
  return concatBytes(u32(json.byteLength), json, u32(body.byteLength), body);
}

/**
 * Reads frames from pieces of any size. After an error nothing more is accepted: the other side does not speak this language.
 */
export class FrameParser<Header extends { readonly type: string }> {
  readonly #schema: z.ZodType<Header>;
  readonly #buffer = new PieceBuffer();
  #header: Header | null = null;
  #wanted: 'headerLength' | 'header' | 'bodyLength' | 'body' = 'headerLength';
  #length = 4;
  #broken = false;

  constructor(schema: z.ZodType<Header>) {
    this.#schema = schema;
  }

  /**
   * The frames that `piece` completes.
   *
   * @throws WardroundError `frame-header-length`, `frame-header`, `frame-body-length`, `frame-body`, `frame-broken` (after one of these)
   */
  push(piece: Uint8Array): readonly Frame<Header>[] {
    if (this.#broken) throw new WardroundError('frame-broken', 'the pipe already spoke nonsense', { action: 'stop' });
    this.#buffer.add(piece);
    const frames: Frame<Header>[] = [];
    try {
      for (let bytes = this.#take(); bytes !== null; bytes = this.#take()) {
        const frame = this.#step(bytes);
        if (frame !== null) frames.push(frame);
      }
    } catch (error) {
      this.#broken = true;
      throw error;
    }
    return frames;
  }

  /** The pipe's end. @throws WardroundError `frame-truncated` inside a frame */
  end(): void {
    if (this.#wanted !== 'headerLength' || this.#buffer.length > 0) {
      throw new WardroundError('frame-truncated', 'the pipe ended inside a frame', { action: 'retry' });
    }
  }

  #take(): Bytes | null {
    return this.#buffer.length < this.#length ? null : this.#buffer.take(this.#length);
  }

  #step(bytes: Bytes): Frame<Header> | null {
    switch (this.#wanted) {
      case 'headerLength':
        this.#expect('header', readLength(bytes, { code: 'frame-header-length', min: 2, max: maxHeaderBytes }));
        return null;
      case 'header':
        this.#header = this.#parseHeader(bytes);
        this.#expect('bodyLength', 4);
        return null;
      case 'bodyLength':
        this.#expect('body', readLength(bytes, { code: 'frame-body-length', min: 0, max: maxBodyBytes }));
        requireBodyFits(this.#header?.type ?? '', this.#length);
        return null;
      case 'body':
        this.#expect('headerLength', 4);
        return this.#complete(bytes);
    }
  }

  #expect(wanted: 'headerLength' | 'header' | 'bodyLength' | 'body', length: number): void {
    this.#wanted = wanted;
    this.#length = length;
  }

  #complete(body: Bytes): Frame<Header> | null {
    const header = this.#header;
    this.#header = null;
    return header === null ? null : { header, body };
  }

  #parseHeader(bytes: Bytes): Header {
    try {
      return this.#schema.parse(parseStrictJson(bytes, headerLimits));
    } catch (cause) {
      throw new WardroundError('frame-header', 'not a frame of this pipe', { action: 'stop', cause });
    }
  }
}

function requireBodyFits(type: string, length: number): void {
  if (length > maxBodyBytes || (length > 0 && !typesWithBody.has(type))) {
    throw new WardroundError('frame-body', 'a frame of this type has no such body', {
      got: `${type}, ${length} bytes`,
    });
  }
}

function readLength(bytes: Bytes, { code, min, max }: { code: string; min: number; max: number }): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  if (length < min || length > max) {
    throw new WardroundError(code, 'a length beyond what frames have', {
      expected: `${min} to ${max} bytes`,
      got: String(length),
      action: 'stop',
    });
  }
  return length;
}

function u32(value: number): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** Pieces as they came; bytes are copied once, when enough are there. */
class PieceBuffer {
  readonly #pieces: Uint8Array[] = [];
  length = 0;

  add(piece: Uint8Array): void {
    if (piece.byteLength === 0) return;
    this.#pieces.push(copyBytes(piece));
    this.length += piece.byteLength;
  }

  take(length: number): Bytes {
    const out = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const [first] = this.#pieces;
      if (first === undefined) break;
      const part = first.subarray(0, length - filled);
      out.set(part, filled);
      filled += part.byteLength;
      if (part.byteLength === first.byteLength) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(part.byteLength);
    }
    this.length -= length;
    return out;
  }
}
