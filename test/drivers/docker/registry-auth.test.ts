import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/base/log.ts';
import { registryAuth } from '../../../src/drivers/docker/registry-auth.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('registryAuth', () => {
  let folder: string;
  const env = () => ({ ...process.env, DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` });
  const config = (content: object | string) =>
    writeFileSync(join(folder, 'config.json'), typeof content === 'string' ? content : JSON.stringify(content));
  const helper = (name: string, script: string) =>
    writeFileSync(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'registry-auth-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is anonymous without a configuration or an entry', async () => {
    expect(await registryAuth('registry.example', silentLog, env())).toBeUndefined();
    config({ auths: { 'other.example': { auth: base64('a:b') } } });
    expect(await registryAuth('registry.example', silentLog, env())).toBeUndefined();
  });

  it('reads what docker login wrote, by host or by address, and passwords with colons', async () => {
    config({ auths: { 'https://registry.example/v1/': { auth: base64('ann:pass:word') } } });
    expect(await registryAuth('registry.example', silentLog, env())).toEqual({
      username: 'ann',
      password: 'pass:word',
      serveraddress: 'registry.example',
    });
  });

  it('knows Docker Hub by its address', async () => {
    config({ auths: { 'https://index.docker.io/v1/': { identitytoken: 'tok' } } });
    const serveraddress = 'https://index.docker.io/v1/';
    expect(await registryAuth('docker.io', silentLog, env())).toEqual({ identitytoken: 'tok', serveraddress });
  });

  it('asks the registry’s helper, which is told the registry, and else the store', async () => {
    config({ credHelpers: { 'registry.example': 'one' }, credsStore: 'all' });
    helper('one', 'read registry; printf \'{"Username":"%s","Secret":"one"}\' "$registry"');
    helper('all', 'printf \'{"Username":"<token>","Secret":"all"}\'');
    expect(await registryAuth('registry.example', silentLog, env())).toMatchObject({
      username: 'registry.example',
      password: 'one',
    });
    expect(await registryAuth('other.example', silentLog, env())).toMatchObject({ identitytoken: 'all' });
  });

  it('goes on without a helper that is not there or has nothing', async () => {
    config({ credsStore: 'none', auths: { 'registry.example': { auth: base64('ann:pw') } } });
    expect(await registryAuth('registry.example', silentLog, env())).toMatchObject({ username: 'ann' });
    helper('none', 'echo "credentials not found"; exit 1');
    expect(await registryAuth('registry.example', silentLog, env())).toMatchObject({ username: 'ann' });
  });

  it('I10: a broken configuration is no secret in the log', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line: string) => void lines.push(line) });
    config('{"auths": {"registry.example": {"auth": "c2VjcmV0"');
    expect(await registryAuth('registry.example', log, env())).toBeUndefined();
    expect(lines.join('')).toContain('registry credentials unreadable');
    expect(lines.join('')).not.toContain('c2VjcmV0');
  });
});
