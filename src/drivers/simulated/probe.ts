import { PassThrough } from 'node:stream';
import type { Duplex } from 'node:stream';
import { PassError } from '../../base/errors.ts';
import type { ProbeResult, ProbeTarget } from '../compute.ts';
import type { SimulatedContainer } from './objects.ts';

/** The port that the quickstart's server listens on, unless its environment says another. */
const DEFAULT_PORT = 80;

/** What a server would answer: a page on its port, 404 for a path that says that it is missing. */
export function probeSimulated(container: SimulatedContainer, { port, http }: ProbeTarget): ProbeResult {
  if (container.state !== 'running') return { healthy: false, detail: `the container is ${container.state}` };
  const { env, ports } = container.spec;
  const listens = port === Number(env['PORT'] ?? DEFAULT_PORT) || ports.some((p) => p.containerPort === port);
  const serves = container.process.program?.steps.some((step) => step.do === 'serve');
  if (!serves || !listens) return { healthy: false, detail: 'connection refused' };
  if (!http) return { healthy: true, detail: 'accepts connections' };
  const status = http.path.includes('missing') ? 404 : 200;
  const healthy = status === http.expectedStatus;
  return { healthy, detail: `answered ${status}${healthy ? '' : `, expected ${http.expectedStatus}`}` };
}

/** Whoever listens says what it is told. */
export function dialSimulated(container: SimulatedContainer, port: number): Duplex {
  const { healthy, detail } = probeSimulated(container, { containerId: container.id, port });
  if (!healthy) throw new PassError('Refused', `port ${port}: ${detail}`);
  return new PassThrough();
}
