import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemdRuns } from '../../src/host/docker-daemon.ts';
import { findProgram } from '../../src/host/packages.ts';
import { environmentFile, installService, serviceUnit, type Service } from '../../src/host/systemd.ts';

let folder: string;
let service: Service;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'miniaws-unit-'));
  service = {
    node: process.execPath,
    script: '/opt/mini aws/100% $HOME/main.js',
    dataDir: join(folder, 'data'),
    user: 'root',
    env: { DATABASE_URL: 'postgres://u:pa"ss$\\w`ord@h/d' },
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the service', () => {
  it('starts after the Engine and the database, whatever its paths, and lets its database outlive it', () => {
    const lines = serviceUnit(service).split('\n');
    expect(lines).toContain('After=network-online.target docker.service postgresql.service');
    expect(lines).toContain(`ExecStart=${process.execPath} "/opt/mini aws/100%% $$HOME/main.js" serve`);
    for (const line of [
      'KillMode=process',
      'Restart=always',
      'RestartSec=1s',
      'NoNewPrivileges=yes',
      'Environment=UV_THREADPOOL_SIZE=16',
    ])
      expect(lines).toContain(line);
    expect(serviceUnit({ ...service, user: 'cloud' }).split('\n')).toContain('SupplementaryGroups=docker');
  });

  it.runIf(findProgram('systemd-analyze'))('is a unit that systemd understands', () => {
    const unit = join(folder, 'miniaws-test.service');
    writeFileSync(unit, serviceUnit({ ...service, script: '/usr/bin/env' }));
    const verify = spawnSync('systemd-analyze', ['verify', '--man=no', unit], { encoding: 'utf8' });
    expect(verify.error).toBeUndefined();
    expect(verify.stderr).not.toMatch(/Unknown (key|section|lvalue)|Failed to (parse|prepare)|Invalid/i);
  });

  it.skipIf(systemdRuns())(
    'I10: is written with its secrets apart, in a file of their own, and says when no systemd runs',
    async () => {
      expect(await installService(service, folder)).toEqual({ unit: join(folder, 'miniaws.service'), started: false });
      expect(readFileSync(join(folder, 'miniaws.service'), 'utf8')).not.toContain('pa"ss');
      expect(statSync(join(folder, 'miniaws.service')).mode & 0o777).toBe(0o644);
      expect(statSync(environmentFile(service)).mode & 0o777).toBe(0o600);
      expect(readFileSync(environmentFile(service), 'utf8')).toBe(
        'DATABASE_URL="postgres://u:pa\\"ss\\$\\\\w\\`ord@h/d"\n',
      );
    },
  );
});
