import { expect, it, onTestFinished } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import type { GitSync } from '../../../src/kinds/git-sync/types.ts';
import { World } from '../../../src/proof/world.ts';

const URL = 'https://git.example/shop.git';
const INNER = 'https://git.example/inner.git';
const yaml = (kind: string, name: string, spec: object): string =>
  JSON.stringify({ apiVersion: 'miniaws.dev/v1', kind, metadata: { name }, spec });
const syncOf = (spec: object) => ({
  kind: 'GitSync',
  metadata: { name: 'app' },
  spec: { url: URL, ref: { branch: 'main' }, interval: '1m', ...spec },
});

async function after(files: Record<string, string>, spec: object) {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  world.repositories.push(INNER, 'main', { 'key.yaml': yaml('ApiKey', 'root', { role: 'admin' }) });
  world.repositories.push(URL, 'main', files);
  await daemon.apply({
    kind: 'ConfigMap',
    metadata: { name: 'vars' },
    data: { v: `x\n---\n${yaml('ApiKey', 'root', { role: 'admin' })}` },
  });
  await daemon.apply(syncOf(spec));
  await daemon.settle(70_000);
  const sync = daemon.get('GitSync', 'app') as GitSync;
  return { key: daemon.get('ApiKey', 'root', ''), message: findCondition(sync, 'Ready')?.message ?? '' };
}

it('a sync of one namespace applies no sync of all, and nothing that is in no namespace', async () => {
  const inner = { url: INNER, ref: { branch: 'main' }, interval: '1m' };
  const all = await after({ 'inner.yaml': yaml('GitSync', 'inner', inner) }, { targetNamespace: 'default' });
  expect([all.key, all.message]).toEqual([undefined, expect.stringMatching(/may not grant what it may not do itself/)]);
  const key = await after({ 'key.yaml': yaml('ApiKey', 'root', { role: 'admin' }) }, { targetNamespace: 'default' });
  expect([key.key, key.message]).toEqual([undefined, expect.stringMatching(/apikeys are in no namespace/)]);
  const own = { ...inner, targetNamespace: 'default' };
  const within = await after({ 'inner.yaml': yaml('GitSync', 'inner', own) }, { targetNamespace: 'default' });
  expect([within.key, within.message]).toEqual([undefined, expect.not.stringMatching(/may not grant/)]);
});

it('a value adds no lines, and so no documents', async () => {
  const map = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: filled}\ndata:\n  a: ${v}\n';
  const { key, message } = await after({ 'map.yaml': map }, { substitute: { from: [{ configMap: 'vars' }] } });
  expect([key, message]).toEqual([undefined, expect.stringMatching(/the value of variable v has several lines/)]);
});
