import type { Instance } from '../../src/api/instance.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import type { Manifest } from '../support/manifests.ts';

export interface Fleet {
  count: number;
  image: string;
  cidrBlock: string;
}

/** So many servers that do nothing, in one VPC. Not needing a grace, they go as soon as they are told. */
export const fleet = ({ count, image, cidrBlock }: Fleet): Manifest[] => [
  vpc('bench', { cidrBlock }),
  ...Array.from({ length: count }, (_, i) =>
    instance(`i-${i}`, {
      vpc: 'bench',
      image,
      command: ['/bin/busybox', 'sleep', '1000000'],
      env: { N: String(i) },
      stopGracePeriod: '0s',
    }),
  ),
];

export const instancesOf = async (daemon: TestDaemon): Promise<Instance[]> =>
  (await daemon.client.get<{ items: Instance[] }>(pathOf('instances'))).items;
