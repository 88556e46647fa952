import { expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { EMPTY_VIEW } from '../../../src/cli/manifests.ts';
import { createSimulatedGit, SimulatedRepositories } from '../../../src/drivers/git/simulated-git.ts';
import { RevisionReader } from '../../../src/kinds/git-sync/observe.ts';
import type { GitSync } from '../../../src/kinds/git-sync/types.ts';
import { KINDS } from '../../../src/kinds/index.ts';

const URL = 'https://git.example/shop.git';
const signal = new AbortController().signal;
const map = (name: string, a: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { a } });
const syncOf = (variables?: Record<string, string>) =>
  ({ metadata: { namespace: 'default' }, spec: variables ? { substitute: { variables } } : {} }) as unknown as GitSync;

/** Reads commits one after another, as a sync does. */
function reading() {
  const repositories = new SimulatedRepositories(systemClock);
  const git = createSimulatedGit(repositories);
  const reader = new RevisionReader(KINDS);
  let last: Awaited<ReturnType<typeof git.read>> | undefined;
  return async (files: Record<string, string>, variables?: Record<string, string>) => {
    const sha = repositories.push(URL, 'main', files);
    last = await git.read({ url: URL, ref: { head: true } }, sha, signal, last);
    const { folders } = await reader.read(syncOf(variables), last, EMPTY_VIEW);
    return new Map(folders.flatMap(({ documents }) => documents.map((each) => [each.file, each])));
  };
}

it('a file that did not change is read once, whatever changes beside it', async () => {
  const read = reading();
  const files = { 'a.yaml': map('a', '1'), 'b.yaml': map('b', '1'), 'c.yaml': map('c', '1') };
  const one = await read(files);
  const two = await read({ 'a.yaml': map('a', '1'), 'b.yaml': map('b', '2'), 'moved/c.yaml': map('c', '1') });
  expect(two.get('a.yaml')).toBe(one.get('a.yaml'));
  expect(two.get('b.yaml')?.document['data']).toEqual({ a: '2' });
  expect(two.get('moved/c.yaml')).toMatchObject({ file: 'moved/c.yaml', document: one.get('c.yaml')?.document });
  const three = await read(files);
  expect(three.get('b.yaml')?.document['data']).toEqual({ a: '1' });
});

it('a file is read again when what it is filled with changes', async () => {
  const read = reading();
  const files = { 'a.yaml': map('a', '${WHAT}') };
  expect((await read(files, { WHAT: 'one' })).get('a.yaml')?.document['data']).toEqual({ a: 'one' });
  expect((await read(files, { WHAT: 'two' })).get('a.yaml')?.document['data']).toEqual({ a: 'two' });
  expect((await read(files)).get('a.yaml')?.document['data']).toEqual({ a: '${WHAT}' });
});
