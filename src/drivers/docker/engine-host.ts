import { networkInterfaces } from 'node:os';
import type Docker from 'dockerode';
import { definedOnly } from '../../base/defined.ts';
import type { EngineHost } from '../compute.ts';
import { translated } from './calls.ts';
import type { EngineCalls } from './calls.ts';

/** Of the Engine's answer, where dockerode's types have `any`. */
interface EngineInfo {
  Name: string;
  NCPU: number;
  MemTotal: number;
  Architecture: string;
  OperatingSystem: string;
  OSType: string;
  KernelVersion: string;
  ServerVersion: string;
}

/** Interfaces of the Engine's own, by their names: no other machine finds this one there. */
const ENGINE_INTERFACE = /^(docker|br-|veth)/;

export function engineHost(docker: Docker, calls: EngineCalls, isLocal: boolean): Promise<EngineHost> {
  return translated('ask the Engine for its machine', async () => {
    const info = (await calls.raw('info', () => docker.info())) as EngineInfo;
    return {
      name: info.Name,
      cpus: info.NCPU,
      memoryBytes: info.MemTotal,
      architecture: info.Architecture,
      operatingSystem: info.OperatingSystem,
      osType: info.OSType,
      kernelVersion: info.KernelVersion,
      runtime: `docker://${info.ServerVersion}`,
      ...definedOnly({ address: isLocal ? ownAddress() : undefined }),
    };
  });
}

function ownAddress(): string | undefined {
  const outside = Object.entries(networkInterfaces()).filter(([name]) => !ENGINE_INTERFACE.test(name));
  return outside
    .flatMap(([, addresses = []]) => addresses)
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
}
