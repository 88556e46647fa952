import { valueOf } from '../../base/observed.ts';
import type { Contradiction } from '../shared/kind-module.ts';
import type { Vpc } from './types.ts';

/** One network, of its range. */
export const contradiction: Contradiction<Vpc> = ({ metadata, spec }, compute) => {
  const observed = compute.networks(metadata.uid);
  if (observed.state === 'unobservable') return undefined;
  const networks = valueOf(observed) ?? [];
  const [network] = networks;
  if (networks.length !== 1) return `it has ${networks.length} networks`;
  return network?.cidrBlock === spec.cidrBlock ? undefined : `its network is ${network?.cidrBlock}`;
};
