import { expect, onTestFinished, test } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { freshDatabase } from '../support/database.ts';
import { filesOf, run, start, written } from './support.ts';
import { eventually } from '../support/wait.ts';

const vpc = (name: string, range: string) =>
  `apiVersion: miniaws.dev/v1\nkind: VPC\nmetadata: {name: ${name}}\nspec: {cidrBlock: ${range}}\n`;

test('a watch goes on where it was after the daemon was killed and started again, and misses nothing (I7)', async () => {
  const database = await freshDatabase();
  const folder = await filesOf({ 'a.yaml': vpc('before', '10.90.0.0/24'), 'b.yaml': vpc('after', '10.91.0.0/24') });
  onTestFinished(() => database.drop());
  const first = await startDaemon({ engine: 'simulated', database, dataDir: folder });
  const options = { kubeconfig: first.kubeconfigPath };
  expect((await run(['apply', '-f', `${folder}/a.yaml`, '--wait'], options)).code).toBe(0);
  const watch = start(['get', 'vpcs', '-w', '-o', 'name'], options);
  await written(watch, 'vpc.miniaws.dev/before');
  await first.kill();
  await eventually('the loss to be told', () => watch.err().includes('trying again'));
  const second = await startDaemon({ engine: 'simulated', database, dataDir: folder, listen: new URL(first.url).host });
  onTestFinished(() => second.stop());
  expect((await run(['apply', '-f', `${folder}/b.yaml`], options)).code).toBe(0);
  await written(watch, 'vpc.miniaws.dev/after');
  expect(watch.err().match(/trying again/g)).toHaveLength(1);
  watch.interrupt();
  expect((await watch.ended).code).toBe(130);
});
