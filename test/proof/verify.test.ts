import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { verify } from '../../src/proof/verify.ts';
import type { Progress } from '../../src/proof/verify.ts';
import type { World } from '../../src/proof/world.ts';
import { filesOf } from '../cli/support.ts';
import { PROGRAM } from '../support/program.ts';

const QUICKSTART = fileURLToPath(new URL('../../examples/quickstart/', import.meta.url));

async function miniaws(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const ran = promisify(execFile)(process.execPath, [PROGRAM, 'verify', ...args]);
  return ran.then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (failed: { code: number; stdout: string; stderr: string }) => ({
      code: failed.code,
      out: failed.stdout,
      err: failed.stderr,
    }),
  );
}

const main = { key: 'VPC/default/main', document: { kind: 'VPC', metadata: { name: 'main' }, spec: {} } };
const web = (spec: object = {}) => ({
  key: 'Instance/default/web',
  document: { kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'app:1', vpc: 'main', ...spec } },
});

describe('miniaws verify', () => {
  it('ends with the number of crash points, having told how far it was', async () => {
    const { code, out, err } = await miniaws('-f', QUICKSTART);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^\d+ crash points, same end\n$/) });
    expect(err).toMatch(/\d+ of \d+ crash points \(delete\)\n$/);
  });

  it('says at its place what is refused, and proves nothing', async () => {
    const vpc = (name: string) =>
      `apiVersion: miniaws.dev/v1\nkind: VPC\nmetadata:\n  name: ${name}\nspec:\n  cidrBlock: 10.1.0.0/24\n`;
    const folder = await filesOf({ 'two.yaml': `${vpc('a')}---\n${vpc('b')}` });
    const { code, out, err } = await miniaws('-f', folder);
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/two\.yaml:13:14: spec\.cidrBlock: .* overlaps .* of VPC default\/a/);
  });

  it('says why an object can never be Ready', async () => {
    const text =
      'apiVersion: miniaws.dev/v1\nkind: Instance\nmetadata: { name: web }\nspec: { image: app, vpc: gone }\n';
    const { code, err } = await miniaws('-f', await filesOf({ 'web.yaml': text }));
    expect(code).toBe(1);
    expect(err).toContain(
      'Instance/default/web is never Ready: VpcNotReady: VPC default/gone does not exist; create it',
    );
  });

  it('takes images to run and health checks to succeed, but for programs that are known to end', async () => {
    const options = { allFaults: false, onProgress: () => undefined };
    const checked = web({ healthCheck: { http: { port: 9999, path: '/missing' } } });
    expect(await verify([main, checked], options)).toMatchObject({ is: 'same end' });
    expect(await verify([main, web({ command: ['true'] })], options)).toMatchObject({ is: 'never ready' });
    expect(await verify([main, web({ command: ['true'], restartPolicy: 'Never' })], options)).toMatchObject({
      is: 'same end',
    });
  });

  it('tells the first difference with the schedule that led to it', async () => {
    // Of the third daemon on, which an undisturbed run does not have, each leaves something behind.
    const prepare = ({ engine }: World) => {
      let daemons = 0;
      const listen = engine.listen.bind(engine);
      engine.listen = (listener) => {
        const network = { name: `litter-${daemons}`, cidrBlock: '192.168.7.0/24', gateway: '192.168.7.1' };
        if (++daemons > 2) engine.networks.create({ ...network, internal: false, labels: {} });
        return listen(listener);
      };
    };
    const verdict = await verify([main, web()], { allFaults: false, onProgress: () => undefined, prepare });
    expect(verdict).toMatchObject({
      is: 'different',
      schedule: [
        'apply: VPC/default/main, Instance/default/web',
        'side effect 1 of 8 (closeMetadataAccess): the daemon dies before it',
        'another daemon leads',
      ],
      differences: ['too many: network of somebody else: 192.168.7.0/24'],
    });
  });

  it('goes over every fault of the table on demand', async () => {
    const seen: Progress[] = [];
    const verdict = await verify([main], { allFaults: true, onProgress: (p) => void seen.push(p) });
    expect(verdict).toEqual({ is: 'same end', crashPoints: seen.length });
    expect(seen.at(-1)).toMatchObject({ done: seen.length, total: seen.length });
  });
});
