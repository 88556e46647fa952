import { randomBytes } from 'node:crypto';
import type { NetworkInspectInfo } from 'dockerode';
import { installationDigest } from '../labels.ts';

/** The Engine's option of a network: what its bridge is called. */
export const BRIDGE_OPTION = 'com.docker.network.bridge.name';
/** As the Engine calls bridges by itself, after the first half of a network's short id; as ours are called. */
const BRIDGE_NAME = /^(br-[0-9a-f]{12}|mw[0-9a-f]{6}-[0-9a-f]{6})$/;

export const isBridge = (interfaceName: string): boolean => BRIDGE_NAME.test(interfaceName);

/** All bridges of an installation begin with it, so that one rule of the host's firewall is for all of them. */
export const bridgePrefix = (installation: string): string => `mw${installationDigest(installation).slice(0, 6)}-`;

/** Another one each time: the kernel allows 15 characters, and the Engine no name twice. */
export const newBridgeName = (installation: string): string =>
  `${bridgePrefix(installation)}${randomBytes(3).toString('hex')}`;

export const bridgeOf = ({ Id, Options }: Pick<NetworkInspectInfo, 'Id' | 'Options'>): string =>
  Options?.[BRIDGE_OPTION] ?? `br-${Id.slice(0, 12)}`;
