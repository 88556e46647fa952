import { existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findProgram } from '../../src/host/packages.ts';
import { proxyImage } from '../../src/host/proxy-image.ts';
import type { ImageArchive } from '../../src/host/image-archive.ts';
import { cleanInstallation, engine, freshInstallation } from '../support/engine.ts';
import { testProxyImage } from '../support/proxy-image.ts';

const installation = freshInstallation();
const installedBefore = findProgram('haproxy');
let archive: ImageArchive;

beforeAll(async () => void (archive = await proxyImage()));
afterAll(() => cleanInstallation(installation));

async function entries(tar: Buffer): Promise<Header[]> {
  const found: Header[] = [];
  for await (const entry of Readable.from([tar]).pipe(extract())) {
    found.push(entry.header);
    entry.resume();
  }
  return found;
}

describe('the image of load balancers', () => {
  it('is the same, byte for byte, each time, and installs no HAProxy on this machine', async () => {
    expect((await proxyImage()).tar.equals(archive.tar)).toBe(true);
    expect(findProgram('haproxy')).toBe(installedBefore);
    if (installedBefore === undefined) expect(existsSync('/etc/haproxy')).toBe(false);
  });

  it('has what the driver runs, nothing with the rights of another, and no user but one without rights', async () => {
    const files = await entries(archive.tar);
    const names = files.map((file) => file.name.replace(/\/$/, ''));
    for (const name of ['haproxy', 'sh', 'nc', 'kill', 'cat', 'sha256sum', 'timeout'])
      expect(names).toContain(`bin/${name}`);
    expect(new Set(names).size).toBe(names.length);
    expect(files.filter((file) => ((file.mode ?? 0) & 0o6000) !== 0)).toEqual([]);
    expect(archive.changes).toContain('USER haproxy');
  });

  it('runs HAProxy, as that user', async () => {
    const container = await engine.createContainer({
      Image: await testProxyImage(engine),
      Cmd: ['sh', '-c', 'haproxy -v && id -un && ! touch /etc/x'],
      Labels: { 'miniaws.dev/installation': installation },
    });
    await container.start();
    const { StatusCode } = (await container.wait()) as { StatusCode: number };
    const log = (await container.logs({ stdout: true, stderr: true })).toString();
    expect(log).toMatch(/HAProxy version \d/);
    expect(log).toContain('haproxy\n');
    expect(StatusCode).toBe(0);
  });
});
