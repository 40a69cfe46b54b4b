// A coordinator inside the test's process, and parties that speak to it event by event, so that each word can be wrong.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { io, type Socket } from 'socket.io-client';
import type { DocumentOf } from '@wardround/protocol/documents/registry';
import { sign } from '@wardround/protocol/documents/signed';
import type { SigningKey } from '@wardround/protocol/keys';
import { tokenHash } from '@wardround/protocol/relay-wire';
import { type Config, defaultConfig } from '../../coordinator/src/config.ts';
import { initialise, type Secrets } from '../../coordinator/src/data-directory.ts';
import { type RunningCoordinator, startCoordinator } from '../../coordinator/src/server.ts';

export type Proof = DocumentOf<'ConnectionProof'>;

export interface LocalCoordinator extends RunningCoordinator {
  readonly secrets: Secrets;
  readonly directory: string;
  readonly dispose: () => Promise<void>;
}

export async function startLocal(
  limits: Partial<Config['limits']> = {},
  publicUrl: string | null = null,
): Promise<LocalCoordinator> {
  const home = await mkdtemp(join(tmpdir(), 'wardround-local-'));
  const directory = join(home, 'coordinator');
  const config = { ...defaultConfig, port: 0, publicUrl, limits: { ...defaultConfig.limits, ...limits } };
  const secrets = await initialise(directory, config);
  return await restart({ directory, secrets });
}

/** Starts again on the directory of one that was closed. */
export async function restart({
  directory,
  secrets,
}: Pick<LocalCoordinator, 'directory' | 'secrets'>): Promise<LocalCoordinator> {
  const running = await startCoordinator({ directory, databaseUrl: undefined, log: pino({ level: 'silent' }) });
  const dispose = async (): Promise<void> => {
    await running.close();
    await rm(join(directory, '..'), { recursive: true, force: true });
  };
  return { ...running, secrets, directory, dispose };
}

/** One connection that has its challenge and has said nothing yet. */
export class RawParty {
  readonly socket: Socket;
  readonly nonce: string;

  private constructor(socket: Socket, nonce: string) {
    this.socket = socket;
    this.nonce = nonce;
  }

  static async connect(url: string): Promise<RawParty> {
    const socket = io(url, { forceNew: true, reconnection: false, transports: ['websocket'] });
    const { promise, resolve, reject } = Promise.withResolvers<{ nonce: string }>();
    socket.once('challenge', resolve);
    socket.once('connect_error', reject);
    return new RawParty(socket, (await promise).nonce);
  }

  /** The answer to one event, whatever it is; `disconnected` where the coordinator hung up instead. */
  async say(event: string, body: unknown): Promise<Answer> {
    if (!this.socket.connected) return disconnected;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.socket.once('disconnect', () => resolve(disconnected));
    this.socket.emit(event, body, resolve);
    return await promise;
  }

  /** The code of a refusal, or `accepted`. */
  async code(event: string, body: unknown): Promise<string> {
    return (await this.say(event, body)).error?.code ?? 'accepted';
  }

  /** Proves with a proof that is right but for `change`. */
  async prove({ coordinator, key, ...who }: Proving, change: Partial<Proof> = {}): Promise<Answer> {
    return await this.say('prove', {
      proof: await proofOf({ coordinator, key, ...who, nonce: this.nonce }, change),
    });
  }

  close(): void {
    this.socket.disconnect();
  }
}

export interface Answer {
  readonly error?: { readonly code: string; readonly action?: string };
  readonly accessToken?: string;
  readonly sequence?: number;
  readonly records?: readonly { readonly sequence: number; readonly jws: string }[];
}

const disconnected: Answer = { error: { code: 'disconnected' } };

export interface Proving {
  readonly coordinator: Pick<LocalCoordinator, 'audience'>;
  readonly role: Proof['role'];
  readonly name: string;
  readonly key: SigningKey;
  readonly token?: string;
}

export async function proofOf(
  { coordinator, role, name, key, token, nonce }: Proving & { nonce: string },
  change: Partial<Proof> = {},
): Promise<string> {
  const proof: Proof = {
    kind: 'ConnectionProof',
    version: 1,
    role,
    name,
    key: key.publicKey,
    challenge: nonce,
    audience: coordinator.audience,
    token: token === undefined ? null : tokenHash(token),
    ...change,
  };
  return (await sign('ConnectionProof', proof, key)).jws;
}
