import { expect, it, onTestFinished } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { systemClock } from '../../src/base/clock.ts';
import { breathe } from '../../src/proof/manual-clock.ts';
import type { Journal } from '../../src/store/journal.ts';
import { eventually } from '../support/wait.ts';
import { MemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts';
import { storedVpc } from '../support/stored.ts';

/** Answers of the named calls are taken when they are asked for, and arrive when they are let go. */
function late(calls: readonly (keyof Journal)[]) {
  const held: (() => void)[] = [];
  const wrap = (journal: Journal): Journal =>
    new Proxy(journal, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== 'function') return member;
        if (!calls.includes(property as keyof Journal)) return member.bind(target) as unknown;
        return async (...args: unknown[]) => {
          const answer: unknown = await member.apply(target, args);
          await new Promise<void>((resolve) => held.push(resolve));
          return answer;
        };
      },
    });
  return { wrap, letGo: () => held.splice(0).forEach((resolve) => resolve()) };
}

it('found: an answer about the database that is older than our own commits was taken for a restored one, and commits were forgotten (F3)', async () => {
  const database = new MemoryDatabase(systemClock);
  const answers = late(['position']);
  const store = await openMemoryStore(database, KINDS, answers.wrap);
  onTestFinished(() => store.close());
  const end = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const changes of store.watchResources(0, end.signal))
      seen.push(...changes.map((c) => c.object.metadata.name));
  })().catch((error: unknown) => seen.push(String(error)));
  const names = ['a', 'b', 'c', 'd'];
  const looks = [];
  for (const name of names) {
    looks.push(store.current());
    await breathe();
    await store.commit({ decide: () => ({ put: [storedVpc(name)] }) });
    answers.letGo();
    await breathe();
    expect([...store.cached().list('VPC')].map((r) => r.metadata.name)).toContain(name);
  }
  await eventually('every change to be seen', () => seen.length >= names.length);
  answers.letGo();
  expect(seen).toEqual(names);
  expect([...store.cached().list('VPC')].map((r) => r.metadata.name)).toEqual(names);
  const releasing = setInterval(() => answers.letGo(), 1);
  await Promise.all(looks);
  clearInterval(releasing);
  end.abort();
  await watching;
});

it('found: a lock that was lost while everything was read anew left the writer turning for ever (F8)', async () => {
  const database = new MemoryDatabase(systemClock);
  const other = await openMemoryStore(database, KINDS);
  let lost = 0;
  const behind = (journal: Journal): Journal => ({
    ...journal,
    // As the lock's holder saw it before others went on: first of a database that had gone back.
    transact: (fn) => journal.transact((at, tailAfter) => fn(lost++ === 0 ? { ...at, revision: 1 } : at, tailAfter)),
  });
  const store = await openMemoryStore(database, KINDS, behind);
  onTestFinished(async () => {
    await store.close();
    await other.close();
  });
  await other.commit({ decide: () => ({ put: [storedVpc('a')] }) });
  await other.commit({ decide: () => ({ put: [storedVpc('b')] }) });
  await store.current();
  await expect(store.commit({ decide: () => ({ put: [storedVpc('c')] }) })).rejects.toMatchObject({ code: 503 });
  await store.commit({ decide: () => ({ put: [storedVpc('c')] }) });
  expect([...store.cached().list('VPC')].map((r) => r.metadata.name)).toEqual(['a', 'b', 'c']);
});
