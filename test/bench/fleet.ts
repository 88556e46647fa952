import type { Instance } from '../../src/kinds/instance/types.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import type { Manifest } from '../support/manifests.ts';

export interface Fleet {
  count: number;
  image: string;
  cidrBlock: string;
  /** The VPC's name. */
  vpc?: string;
}

/** So many servers that do nothing, in one VPC. Not needing a grace, they go as soon as they are told. */
export const fleet = ({ count, image, cidrBlock, vpc: name = 'bench' }: Fleet): Manifest[] => [
  vpc(name, { cidrBlock }),
  ...Array.from({ length: count }, (_, i) =>
    instance(`i-${i}`, {
      vpc: name,
      image,
      command: ['/bin/busybox', 'sleep', '1000000'],
      env: { N: String(i) },
      stopGracePeriod: '0s',
    }),
  ),
];

export const instancesOf = async (daemon: TestDaemon): Promise<Instance[]> =>
  (await daemon.client.get<{ items: Instance[] }>(pathOf('instances'))).items;
