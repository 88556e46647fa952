import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { PassError, StatusError } from '../base/errors.ts';
import type { Authenticator, Credential } from './auth.ts';
import type { ApiContext } from './context.ts';
import { eventOf, isOfNote } from './audit.ts';
import { authorize } from './permissions.ts';
import type { Asked } from './permissions.ts';
import { asStatusError, statusOf } from './status.ts';

/** How long a client may take to read why it was refused. */
const REFUSED_MS = 2_000;

/** A request that wants to become another protocol, by whoever may ask. */
export interface UpgradeRequest {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
  url: URL;
  /** Of the route's path. */
  match: RegExpExecArray;
  credential: Credential;
}

export interface UpgradeRoute {
  /** Its groups `namespace` and `name` say of which object. */
  path: RegExp;
  permission: Asked & { resource: string };
  /** What it rejects with is the answer; until then nothing was begun. */
  handle: (upgrade: UpgradeRequest) => Promise<void>;
}

/** Sees to it that each upgrade is authenticated, goes to its route, and is refused in words when it may not be. */
export function serveUpgrades(
  server: Pick<Server, 'on'>,
  routes: readonly UpgradeRoute[],
  context: ApiContext,
  auth: Authenticator,
): void {
  const upgrade = async (request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> => {
    const { kinds, clock, audit } = context;
    const address = request.socket.remoteAddress ?? '';
    const asked: Parameters<typeof eventOf>[0] = {
      credential: undefined,
      address,
      attributes: undefined,
      cameAt: { wall: clock.now(), monotonic: clock.monotonic() },
    };
    const record = (code: number, reason: string) => {
      if (isOfNote(asked.attributes, code, kinds))
        audit.record(eventOf(asked, clock, { code, reason, dryRun: false, manager: '' }));
    };
    try {
      const credential = await auth.authenticate(request.headers.authorization, address);
      asked.credential = credential;
      if (!URL.canParse(request.url ?? '', 'https://localhost'))
        throw new StatusError('BadRequest', 'the path of the request cannot be read');
      const url = new URL(request.url ?? '', 'https://localhost');
      for (const { path, permission, handle } of routes) {
        const match = path.exec(url.pathname);
        if (!match) continue;
        const { verb, resource, subresource = '' } = permission;
        const { namespace = '', name = '' } = match.groups ?? {};
        asked.attributes = { verb, resource, subresource, namespace: decoded(namespace), name: decoded(name) };
        authorize(credential, asked.attributes, permission, kinds);
        await handle({ request, socket, head, url, match, credential });
        return record(101, '');
      }
      throw new StatusError('NotFound', `nothing can be upgraded at ${url.pathname}`);
    } catch (error) {
      const { code, reason } = asStatusError(error);
      record(code, reason);
      throw error;
    }
  };
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    upgrade(request, socket, head).catch((error: unknown) => refuseUpgrade(socket, error, context));
  });
}

/** A part of a path, as it was meant. Throws BadRequest. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new StatusError('BadRequest', `"${part}" in the path has an escape that cannot be read`);
  }
}

/** The connection ends with the answer, though the client leaves its own side open. */
export function refuseUpgrade(socket: Duplex, error: unknown, { clock }: ApiContext): void {
  const status =
    error instanceof StatusError
      ? error
      : new StatusError(
          'InternalError',
          error instanceof PassError ? error.message : 'the command could not be started',
        );
  const body = JSON.stringify(statusOf(status));
  const cut = clock.after(REFUSED_MS, () => socket.destroy());
  socket.once('close', () => cut.cancel());
  socket.end(
    `HTTP/1.1 ${status.code} ${status.reason}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}
