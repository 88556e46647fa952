import type { FastifyInstance, FastifyRequest } from 'fastify';
import { READ_VERBS } from '../api/access.ts';
import type { Attributes } from '../api/access.ts';
import type { AuditEvent } from '../api/audit.ts';
import type { KindRegistry } from '../api/registry.ts';
import { uuid7 } from '../base/uuid7.ts';
import type { Clock } from '../base/clock.ts';
import type { CommitRequest, Committed } from '../store/store.ts';
import type { Credential } from './auth.ts';
import { fieldManagerOf, isDryRun, queryOf } from './context.ts';
import type { ApiContext } from './context.ts';

const NOBODY: Attributes = { verb: '', resource: '', subresource: '', namespace: '', name: '' };
/** Of a column of the table, characters; and of those for names. */
const [LONGEST, LONGEST_NAME] = [128, 254];

declare module 'fastify' {
  interface FastifyRequest {
    /** When it came. */
    cameAt: { wall: Date; monotonic: number };
    /** Why it was refused, by Kubernetes' reasons. */
    refusal: string;
    /** Its body asks for a dry run. */
    isDryRun: boolean;
  }
}

const SESSIONS = ['exec', 'attach', 'portforward', 'log'];

/** Whether the request is one that is put on record: a write, a command, a log, a secret that is read, a refusal. */
export function isOfNote(attributes: Attributes | undefined, code: number, kinds: KindRegistry): boolean {
  // Of too many attempts those that were told apart are enough.
  if (code === 401 || code === 403) return true;
  if (!attributes || code === 429) return false;
  if (!isRead(attributes)) return true;
  return SESSIONS.includes(attributes.subresource) || isKeptFromView(attributes.resource, kinds);
}

const isRead = ({ verb }: Attributes): boolean => READ_VERBS.some((each) => each === verb);

const isKeptFromView = (resource: string, kinds: KindRegistry): boolean =>
  kinds.all.some(({ plural, readableBy }) => plural === resource && readableBy !== undefined);

/** A request as it stands in the record, answered with this code. */
export function eventOf(
  asked: {
    credential: Pick<Credential, 'key' | 'user'> | undefined;
    address: string;
    attributes: Attributes | undefined;
    cameAt: { wall: Date; monotonic: number };
  },
  clock: Clock,
  answer: Pick<AuditEvent, 'code' | 'reason' | 'dryRun' | 'manager'>,
): AuditEvent {
  const { credential, address, cameAt, attributes = NOBODY } = asked;
  return {
    id: uuid7(clock.now()),
    at: cameAt.wall.toISOString(),
    key: credential?.key ?? '',
    user: credential?.user ?? '',
    address,
    verb: attributes.verb,
    resource: cut(attributes.resource),
    subresource: cut(attributes.subresource),
    // What a path said may be as long as a path.
    namespace: cut(attributes.namespace, LONGEST_NAME),
    name: cut(attributes.name, LONGEST_NAME),
    manager: cut(answer.manager),
    dryRun: answer.dryRun,
    code: answer.code,
    reason: answer.reason,
    latencyMs: Math.round((clock.monotonic() - cameAt.monotonic) * 1_000) / 1_000,
  };
}

/** As the database takes it: no zero, and no half of a character that was cut. */
const cut = (text: string, most = LONGEST): string => Buffer.from(text.replaceAll('\0', '').slice(0, most)).toString();

const addressOf = (request: FastifyRequest): string => request.raw.socket.remoteAddress ?? '';

function requestEvent(request: FastifyRequest, clock: Clock, code: number, reason: string): AuditEvent {
  const { credential, attributes, cameAt } = request;
  const isWrite = attributes !== undefined && !isRead(attributes);
  return eventOf({ credential, attributes, cameAt, address: addressOf(request) }, clock, {
    code,
    reason,
    dryRun: isWrite && (request.isDryRun || saysDryRun(request)),
    manager: isWrite ? fieldManagerOf(request) : '',
  });
}

function saysDryRun(request: FastifyRequest): boolean {
  try {
    return isDryRun(queryOf(request));
  } catch {
    return false;
  }
}

/** Puts requests on record as they are answered. */
export function auditHooks(app: FastifyInstance, { audit, clock, kinds }: ApiContext): void {
  app.decorateRequest('audited', false);
  app.decorateRequest('refusal', '');
  app.decorateRequest('isDryRun', false);
  app.addHook('onRequest', async (request) => {
    request.cameAt = { wall: clock.now(), monotonic: clock.monotonic() };
  });
  app.addHook('onResponse', async (request, reply) => recordAnswer(request, reply.statusCode, { audit, clock, kinds }));
}

/** Now, where it is of note and not on record yet: an answer that goes on is recorded when it begins. */
export function recordAnswer(
  request: FastifyRequest,
  code: number,
  { audit, clock, kinds }: Pick<ApiContext, 'audit' | 'clock' | 'kinds'>,
): void {
  if (request.audited || !isOfNote(request.attributes, code, kinds)) return;
  request.audited = true;
  audit.record(requestEvent(request, clock, code, request.refusal));
}

/** A commit in the name of who asks: on record by the very commit that writes it. */
export async function commitFor(
  request: FastifyRequest,
  context: ApiContext,
  commit: Pick<CommitRequest, 'decide' | 'dryRun'>,
  code: () => number = () => 200,
): Promise<Committed> {
  const { user } = request.credential;
  const eventFor = () => requestEvent(request, context.clock, code(), '');
  return recordedCommit(context, { ...commit, user }, eventFor, () => (request.audited = true));
}

/** On record by the very commit that writes it, where it writes anything. */
export async function recordedCommit(
  { store, audit }: Pick<ApiContext, 'store' | 'audit'>,
  commit: Omit<CommitRequest, 'audit'>,
  eventFor: () => AuditEvent,
  onRecord?: () => void,
): Promise<Committed> {
  let event: AuditEvent | undefined;
  const committed = await store.commit({ ...commit, audit: () => (event = eventFor()) });
  if (event) {
    onRecord?.();
    audit.record(event, true);
  }
  return committed;
}
