import type { Container } from './compute.ts';

/**
 * What became of a container between two looks, in the reconcile log's words: `container died (exit 137)`. From the
 * difference itself, not from the event that led to the look: one look can show what several events will tell.
 */
export function containerWords(
  before: Container | undefined,
  after: Container,
  networkName: (id: string) => string,
): string {
  if (!before) return 'container appeared';
  const words = [
    ...processWords(before, after),
    ...attachmentWords(before, after, networkName),
    ...(before.name === after.name ? [] : ['container was renamed']),
    ...(after.health && before.health !== after.health ? [`container became ${after.health}`] : []),
    ...(limitsOf(before) === limitsOf(after) ? [] : ['container was updated']),
  ];
  return words.length > 0 ? words.join(', ') : `container is ${after.state}`;
}

function processWords(before: Container, after: Container): string[] {
  const ended = after.finishedAt && after.finishedAt.getTime() !== before.finishedAt?.getTime();
  const started = after.startedAt && after.startedAt.getTime() !== before.startedAt?.getTime();
  return [
    ...(after.oomKilled && !before.oomKilled ? ['container ran out of memory'] : []),
    ...(started && !before.startedAt ? ['container started'] : []),
    ...(ended ? [`container died (exit ${after.exitCode ?? 'unknown'})`] : []),
    ...(started && before.startedAt && after.state === 'running' ? ['container started'] : []),
    ...(after.state === 'paused' && before.state !== 'paused' ? ['container was paused'] : []),
    ...(before.state === 'paused' && after.state === 'running' ? ['container was unpaused'] : []),
  ];
}

function attachmentWords(before: Container, after: Container, networkName: (id: string) => string): string[] {
  const lost = before.attachments.filter((a) => !after.attachments.some((b) => b.networkId === a.networkId));
  const won = after.attachments.filter((a) => !before.attachments.some((b) => b.networkId === a.networkId));
  return [
    ...lost.map((a) => `container was disconnected from network ${networkName(a.networkId)}`),
    ...won.map((a) => `container was connected to network ${networkName(a.networkId)}`),
  ];
}

const limitsOf = (c: Container): string =>
  JSON.stringify([
    c.cpus,
    c.memoryBytes,
    c.memoryReservationBytes,
    c.memorySwapBytes,
    c.cpuSet,
    c.pidsLimit,
    c.restart,
  ]);
