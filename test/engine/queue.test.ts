import { describe, expect, it } from 'vitest';
import type { Trigger } from '../../src/api/records.ts';
import { WorkQueue } from '../../src/engine/queue.ts';
import { breathe, ManualClock } from '../../src/proof/manual-clock.ts';

const because = (detail: string): Trigger => ({ type: 'spec', detail });

describe('the work queue', () => {
  it('hands a key to one worker at a time, and again afterwards when it was added meanwhile (I9)', async () => {
    const queue = new WorkQueue(new ManualClock());
    queue.add('a', because('first'));
    expect(await queue.take()).toEqual({ key: 'a', trigger: because('first') });
    queue.add('a', because('meanwhile'));
    queue.add('b', because('other'));
    expect(await queue.take()).toMatchObject({ key: 'b' });
    queue.done('a');
    expect(await queue.take()).toEqual({ key: 'a', trigger: because('meanwhile') });
  });

  it('a key that waits is in once; the first cause stays and the others are counted', async () => {
    const queue = new WorkQueue(new ManualClock());
    for (const detail of ['one', 'two', 'three']) queue.add('a', because(detail));
    expect(queue.depth).toBe(1);
    expect(await queue.take()).toEqual({ key: 'a', trigger: { ...because('one'), more: 2 } });
  });

  it('a delayed key comes at its earliest time, and at once when it is added', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('a', 1_000, because('late'));
    queue.addAfter('a', 5_000, because('later'));
    await clock.advance(999);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(await queue.take()).toMatchObject({ trigger: because('late') });
    queue.done('a');
    queue.addAfter('b', 60_000, because('late'));
    queue.add('b', because('now'));
    expect(await queue.take()).toMatchObject({ key: 'b', trigger: because('now') });
    queue.done('b');
    await clock.advance(60_000);
    expect(queue.depth).toBe(0);
  });

  it('closing lets every waiting worker go and forgets what was delayed', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    const workers = [queue.take(), queue.take()];
    queue.addAfter('a', 10, because('never'));
    await breathe();
    queue.close();
    expect(await Promise.all(workers)).toEqual([undefined, undefined]);
    expect(clock.nextIn).toBeUndefined();
  });

  it('a change of a person goes before what the daemon looks at by itself, and that does not wait for ever', async () => {
    const queue = new WorkQueue(new ManualClock());
    for (let i = 0; i < 100; i++) queue.add(`Instance/default/look-${i}`, { type: 'resync', detail: 'look' });
    for (let i = 0; i < 100; i++) queue.add(`Instance/default/new-${i}`, because('created'));
    const first = [];
    for (let i = 0; i < 16; i++) first.push((await queue.take())?.trigger.type);
    expect(first.filter((type) => type === 'spec')).toHaveLength(14);
    expect(first.filter((type) => type === 'resync')).toHaveLength(2);
  });

  it('a key that waits for a look is moved ahead by a change of a person', async () => {
    const queue = new WorkQueue(new ManualClock());
    for (const name of ['a', 'b', 'c']) queue.add(`Instance/default/${name}`, { type: 'retry', detail: 'again' });
    queue.add('Instance/default/c', because('generation 2'));
    expect(await queue.take()).toEqual({ key: 'Instance/default/c', trigger: { ...because('generation 2'), more: 1 } });
    expect(queue.depth).toBe(2);
  });

  it('kinds and namespaces take turns', async () => {
    const queue = new WorkQueue(new ManualClock());
    for (let i = 0; i < 1_000; i++) queue.add(`Instance/big/i-${i}`, because('created'));
    queue.add('Instance/small/one', because('created'));
    queue.add('VPC/big/net', because('created'));
    const first = [];
    for (let i = 0; i < 3; i++) first.push((await queue.take())?.key);
    expect(first).toEqual(['Instance/big/i-0', 'Instance/small/one', 'VPC/big/net']);
  });
});
